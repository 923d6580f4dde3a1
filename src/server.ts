import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BlobCollector } from '#blobs/collector.ts';
import { MeteredBlobs } from '#blobs/metered-blobs.ts';
import { openBlobs } from '#blobs/open.ts';
import { openCache } from '#cache/open-cache.ts';
import { createCodec } from '#events/encoding.ts';
import { AppendCounts } from '#handling/append-counts.ts';
import { catalogue } from '#handling/catalogue.ts';
import { createBus } from '#handling/command-bus.ts';
import { ErasureRunner } from '#handling/erasure-runner.ts';
import { MeteredBus } from '#handling/metered-bus.ts';
import { namedAmong } from '#handling/named-blobs.ts';
import { ReactorRunner } from '#handling/reactor-runner.ts';
import { recentAdmissions } from '#handling/recent-admissions.ts';
import type { Projections } from '#history/db.ts';
import { openProjections } from '#history/folding/projections.ts';
import type { WarmFoldThread } from '#history/folding/warm-fold-thread.ts';
import type { Health } from '#http/parts.ts';
import { startHttpServer } from '#http/server.ts';
import { BitmapFeeder } from '#live/bitmap-feeder.ts';
import type { LocalLog } from '#log/local-log.ts';
import { openTransparencyLog, type TransparencyLog } from '#log/transparency/transparency-log.ts';
import { deployOf } from '#projections/dapps/deploys.ts';
import { publishedDeploy } from '#projections/dapps/registry.ts';
import { promotionOf } from '#projections/system/promotions.ts';
import { watchClock } from '#telemetry/clock-watch.ts';
import { createLogger, type Logger } from '#telemetry/log.ts';
import { Metrics } from '#telemetry/metrics.ts';
import { createInspector } from '#workers/create-inspector.ts';
import { authenticator, firstAdminKey } from './admin.ts';
import { replayErasures } from './backup/pending-erasures.ts';
import { requireFinishedRestore } from './backup/restore-marker.ts';
import type { Config } from './config.ts';
import { domains } from './domains.ts';
import { type Embedded, embed } from './embedded.ts';
import { freePort, openEngines } from './engines.ts';
import { errors, isStrataError, type StrataError } from './errors.ts';
import { serverReadings } from './readings.ts';

const PROJECTOR_URL = new URL('./projector.ts', import.meta.url);
/** How often a long catching up is reported. */
const CATCH_UP_REPORTED_MS = 2000;

export type Server = {
  /** `http://127.0.0.1:8080`, with the port that was found. */
  readonly url: string;
  /** The admin key made on the first start, to show once; else `null`. */
  readonly adminKey: string | null;
  /** The same for the process that it runs in. */
  readonly strata: Embedded;
  /** Stops taking requests, answers those at hand, closes the log with its end mark. */
  close(): Promise<void>;
};

/**
 * Starts everything on one machine: log, projections on their thread, bus, reactors, HTTP and live.
 * @throws config.invalid, log.locked, log.corrupt.
 */
export async function startServer(
  config: Config,
  logger: Logger = createLogger(),
  warmThread?: WarmFoldThread,
): Promise<Server> {
  const known = catalogue(domains);
  const codec = createCodec([...known.events.values()]);
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });

  requireFinishedRestore(config.dataDir);
  const sharesLog = config.log.engine !== 'embedded';
  // The other members are told where this one is before it listens.
  const port = sharesLog && config.port === 0 ? await freePort(config.host) : config.port;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const address = config.cluster.advertiseUrl ?? `http://${host}:${port}`;
  const engines = await openEngines({ config, codec, address, report: (message) => logger.warn(message) });
  const { log, keys } = engines;
  const closing: (() => Promise<unknown>)[] = [() => engines.close()];
  try {
    const blobs = new MeteredBlobs(await openBlobs(config));
    const projections = await openProjections({
      dir: config.dataDir,
      logDir: config.log.dir,
      projectorUrl: PROJECTOR_URL,
      ...(warmThread !== undefined && { warmThread }),
      definitions: domains.flatMap((domain) => domain.projections),
      synced: log.headOffset(),
      promotionOf,
      report: (message) => logger.warn(message),
    });
    closing.unshift(() => projections.close());

    const transparency = openTransparencyLog({
      dir: config.tree.dir,
      logDir: config.log.dir,
      reader: log.reader(),
      synced: log.headOffset(),
      syncsLog: config.log.engine !== 'embedded' || config.log.durability === 'os',
      origin: config.tree.origin ?? `strata/${log.id}`,
      keyPath: config.tree.keyPath,
      report: (message) => logger.warn(message),
    });
    closing.unshift(() => {
      transparency.advance(log.headOffset());
      return transparency.close();
    });

    const headAtStart = log.headOffset();
    const reader = log.reader();
    const lastRecordedAt = headAtStart === 0 ? 0 : reader.at(headAtStart).recordedAt;
    const clock = watchClock({ lastRecordedAt });
    const cache = await openCache({
      config: config.cache,
      perSecond: config.rateLimit.perSecond,
      log,
      shared: sharesLog,
      clock: Date.now,
      report: (message) => logger.warn(message),
    });
    closing.unshift(() => cache.close());
    let starting: StrataError | null = errors.error('server.busy', 'the server is starting', { retryAfterSeconds: 1 });
    let unfollowed: StrataError | null = null;
    const fault = (): StrataError | null => starting ?? unfollowed ?? clock.fault() ?? log.fault();
    const appends = new AppendCounts();
    const decidingBus = createBus({
      log,
      catalogue: known,
      keys,
      cooldowns: cache.cooldowns,
      clock: Date.now,
      notBefore: lastRecordedAt,
      lagMs: () => projections.lagMs(),
      fault,
      sharesLog,
      appends,
    });
    const bus = new MeteredBus(decidingBus, known.commands.keys());
    closing.unshift(() => bus.close());
    const inspector = createInspector({ blobs });
    closing.unshift(() => inspector.close());

    const health = () => healthOf([fault(), foldFault(projections), treeFault(transparency)]);
    const metrics = new Metrics((message, fields) => logger.warn(message, fields));
    metrics.add(serverReadings({ config, log, projections, transparency, health }));
    if (log.readings !== undefined) metrics.add(log.readings);
    metrics.add(appends.readings);
    metrics.add(bus.readings);
    metrics.add(blobs.readings);

    // It listens before it is ready, so that whoever starts it can ask how far it has come.
    const http = await startHttpServer({
      host: config.host,
      port,
      dappDomain: config.dappDomain,
      domains,
      bus,
      projections,
      log,
      transparency,
      blobs,
      inspector,
      keys,
      dapps: { published: publishedDeploy, deploy: deployOf },
      shared: cache,
      trustedProxies: config.rateLimit.trustedProxies,
      authenticate: authenticator(config.adminKey, projections),
      eventAt: (offset) => reader.at(offset),
      health,
      metrics,
      metricsToken: config.metricsToken,
      acceptClock: () => clock.acknowledge(),
      status: () => ({
        head: log.headOffset(),
        checkpoint: projections.checkpoint(),
        lagMs: projections.lagMs(),
        cache: cache.fault()?.code ?? null,
      }),
      report: (message, fields) => logger.error(message, fields),
    });
    closing.unshift(() => http.close());

    advanceWithTheLog(log, [projections, transparency]).catch((cause: unknown) => {
      logger.error('the log is not followed any more', { error: cause });
      unfollowed = isStrataError(cause) ? cause : errors.error('server.failed', 'the log is not followed', { cause });
    });
    await caughtUp(projections, headAtStart, logger);
    await cache.cooldowns.restore(
      recentAdmissions({
        domains,
        reader,
        headOffset: () => log.headOffset(),
        db: () => projections.db(),
        clock: Date.now,
      }),
    );
    starting = null;
    const erasedAgain = await replayErasures(config.dataDir, bus, domains);
    if (erasedAgain > 0) logger.info('what was erased since the backup is erased again', { subjects: erasedAgain });
    const adminKey = config.adminKey === null ? await firstAdminKey(bus, log) : null;
    await caughtUp(projections, log.headOffset(), logger);
    if (cache.boards !== null) {
      const feeder = BitmapFeeder.start({
        log,
        bitmaps: cache.boards,
        projections,
        report: (message, fields) => logger.warn(message, fields),
      });
      closing.unshift(() => feeder.close());
    }
    const reactors = ReactorRunner.start({
      dir: join(config.dataDir, 'reactors'),
      log,
      bus,
      sharesLog,
      reactors: domains.flatMap((domain) => domain.reactors),
      clock: Date.now,
      report: (message, fields) => logger.warn(message, fields),
    });
    closing.unshift(() => reactors.close());
    const collector = BlobCollector.start({
      blobs,
      dataDir: config.dataDir,
      namedAmong: (sha256s) => namedAmong(sha256s, { domains, projections, blobs, head: () => log.headOffset() }),
      graceMs: config.blobs.graceMs,
      clock: Date.now,
      report: (message, fields) => logger.info(message, fields),
    });
    closing.unshift(() => collector.close());
    const erasures = ErasureRunner.start({
      dir: join(config.dataDir, 'erasures'),
      log,
      catalogue: known,
      domains,
      keys,
      bus,
      sharesLog,
      projections,
      collectBlobs: (sha256s) => collector.collect(sha256s),
      report: (message, fields) => logger.warn(message, fields),
    });
    closing.unshift(() => erasures.close());
    const strata = embed({ log, reader, projections, bus, keys, domains, dappUrl: http.dappUrl });
    return { url: `http://${host}:${http.port}`, adminKey, strata, close: () => inOrder(closing) };
  } catch (error) {
    await inOrder(closing);
    throw error;
  }
}

/** Tells those that follow the log of every batch that it has synced, until it closes. */
async function advanceWithTheLog(log: LocalLog, followers: readonly { advance(to: number): void }[]): Promise<void> {
  for (const follower of followers) follower.advance(log.headOffset());
  for await (const { to } of log.subscribe(log.head())) for (const follower of followers) follower.advance(to);
}

/** Waits until the projections have reached the head found at start, telling how far they are. */
async function caughtUp(projections: Projections, head: number, logger: Logger): Promise<void> {
  for (;;) {
    try {
      await projections.waitFor(head, CATCH_UP_REPORTED_MS);
      return;
    } catch (error) {
      const fault = projections.fault();
      // A full disk may have room again: what was folded is served, and `/readyz` says what is missing.
      const isOver = fault !== null && !isStrataError(fault, 'history.cannot-write');
      if (!isStrataError(error, 'history.not-yet') || isOver) throw error;
      logger.info('projections are catching up', { checkpoint: projections.checkpoint(), head });
    }
  }
}

function foldFault(projections: Projections): StrataError | null {
  const cause = projections.fault();
  if (cause === null) return null;
  return isStrataError(cause) ? cause : errors.error('server.failed', 'the projections have stopped', { cause });
}

function treeFault(transparency: TransparencyLog): StrataError | null {
  const cause = transparency.fault();
  if (cause === null) return null;
  return isStrataError(cause) ? cause : errors.error('server.failed', "the log's tree has stopped", { cause });
}

function healthOf(faults: readonly (StrataError | null)[]): Health {
  const problems = faults.filter((fault) => fault !== null);
  return { ready: problems.length === 0, problems };
}

async function inOrder(closing: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const close of closing) await close();
}
