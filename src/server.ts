import { mkdirSync } from 'node:fs';
import { MeteredBlobs } from '#blobs/metered-blobs.ts';
import { openBlobs } from '#blobs/open.ts';
import { openCache } from '#cache/open-cache.ts';
import { createCodec } from '#events/encoding.ts';
import { AppendCounts } from '#handling/append-counts.ts';
import { catalogue } from '#handling/catalogue.ts';
import { createBus } from '#handling/command-bus.ts';
import { MeteredBus } from '#handling/metered-bus.ts';
import { recentAdmissions } from '#handling/recent-admissions.ts';
import { openProjections } from '#history/folding/projections.ts';
import type { WarmFoldThread } from '#history/folding/warm-fold-thread.ts';
import { startHttpServer } from '#http/server.ts';
import { openTransparencyLog } from '#log/transparency/transparency-log.ts';
import { deployOf } from '#projections/dapps/deploys.ts';
import { publishedDeploy } from '#projections/dapps/registry.ts';
import { promotionOf } from '#projections/system/promotions.ts';
import { watchClock } from '#telemetry/clock-watch.ts';
import { createLogger, type Logger } from '#telemetry/log.ts';
import { Metrics } from '#telemetry/metrics.ts';
import { createInspector } from '#workers/create-inspector.ts';
import { authenticator, firstAdminKey } from './admin.ts';
import { startBackground } from './background.ts';
import { replayErasures } from './backup/pending-erasures.ts';
import { requireFinishedRestore } from './backup/restore-marker.ts';
import type { Config } from './config.ts';
import { domains } from './domains.ts';
import { type Embedded, embed } from './embedded.ts';
import { requireEngineUrls } from './engine-urls.ts';
import { freePort, openEngines } from './engines.ts';
import { advanceWithTheLog, caughtUp } from './following.ts';
import { openForwarding } from './forwarding.ts';
import { serverReadings } from './readings.ts';
import { Standing } from './standing.ts';

const PROJECTOR_URL = new URL('./projector.ts', import.meta.url);

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
 * Starts what one process does: its log or its replica of a shared one, projections on their thread, bus, HTTP, live, and
 * what goes on in the background.
 * @throws config.invalid, log.locked, log.corrupt, engine.unavailable, engine.misconfigured
 */
export async function startServer(
  config: Config,
  logger: Logger = createLogger(),
  warmThread?: WarmFoldThread,
): Promise<Server> {
  await requireEngineUrls(config);
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
    const standing = new Standing({ clock, log, projections, transparency });
    const fault = () => standing.fault();
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
      appends,
    });
    const forwarding = sharesLog
      ? openForwarding({
          config,
          log,
          local: decidingBus,
          catalogue: known,
          address,
          fault,
          report: (message, fields) => logger.warn(message, fields),
        })
      : null;
    const bus = new MeteredBus(forwarding?.bus ?? decidingBus, known.commands.keys());
    closing.unshift(() => bus.close());
    const inspector = createInspector({ blobs });
    closing.unshift(() => inspector.close());

    const health = () => standing.health();
    const metrics = new Metrics((message, fields) => logger.warn(message, fields));
    metrics.add(serverReadings({ config, log, projections, transparency, health }));
    if (log.readings !== undefined) metrics.add(log.readings);
    metrics.add(appends.readings);
    metrics.add(bus.readings);
    if (forwarding !== null) metrics.add(forwarding.bus.readings);
    metrics.add(blobs.readings);

    // It listens before it is ready, so that whoever starts it can ask how far it has come.
    const http = await startHttpServer({
      host: config.host,
      port,
      dappDomain: config.dappDomain,
      domains,
      roles: config.roles,
      ...(forwarding !== null && { cluster: forwarding.cluster }),
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

    const followers = [projections, transparency, ...(forwarding === null ? [] : [forwarding.bus])];
    advanceWithTheLog(log, followers).catch((cause: unknown) => {
      logger.error('the log is not followed any more', { error: cause });
      standing.isUnfollowed(cause);
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
    standing.isServing();
    engines.gate.open();
    const erasedAgain = await replayErasures(config.dataDir, bus, domains);
    if (erasedAgain > 0) logger.info('what was erased since the backup is erased again', { subjects: erasedAgain });
    const makesKey = config.adminKey === null && config.roles.has('projector');
    const adminKey = makesKey ? await firstAdminKey(bus, log) : null;
    await caughtUp(projections, log.headOffset(), logger);
    const background = startBackground({ config, engines, blobs, cache, projections, bus, catalogue: known, logger });
    closing.unshift(() => background.close());
    const strata = embed({ log, reader, projections, bus, keys, domains, dappUrl: http.dappUrl });
    const close = async () => {
      standing.isStopping();
      // Others take over while this one still answers, and forwards what it is asked.
      await engines.gate.leave();
      await log.settled();
      await inOrder(closing);
    };
    return { url: `http://${host}:${http.port}`, adminKey, strata, close };
  } catch (error) {
    await inOrder(closing);
    throw error;
  }
}

async function inOrder(closing: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const close of closing) await close();
}
