import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openDiskBlobs } from '#blobs/disk.ts';
import type { Cooldowns } from '#cache/cooldowns.ts';
import { memoryCooldowns } from '#cache/memory-cooldowns.ts';
import { createCodec } from '#events/encoding.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { catalogue } from '#handling/catalogue.ts';
import { createBus } from '#handling/command-bus.ts';
import { ReactorRunner } from '#handling/reactor-runner.ts';
import type { Projections } from '#history/db.ts';
import { openProjections } from '#history/projections.ts';
import type { Health } from '#http/parts.ts';
import { startHttpServer } from '#http/server.ts';
import { type EmbeddedLog, openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { deployOf } from '#projections/dapps/deploys.ts';
import { publishedDeploy } from '#projections/dapps/registry.ts';
import { watchClock } from '#telemetry/clock-watch.ts';
import { createLogger, type Logger } from '#telemetry/log.ts';
import { createInspector } from '#workers/create-inspector.ts';
import { authenticator, firstAdminKey } from './admin.ts';
import type { Config } from './config.ts';
import { domains } from './domains.ts';
import { errors, isStrataError, type StrataError } from './errors.ts';

/** How often a long catching up is reported. */
const CATCH_UP_REPORTED_MS = 2000;

export type Server = {
  /** `http://127.0.0.1:8080`, with the port that was found. */
  readonly url: string;
  /** The admin key made on the first start, to show once; else `null`. */
  readonly adminKey: string | null;
  /** Stops taking requests, answers those at hand, closes the log with its end mark. */
  close(): Promise<void>;
};

/**
 * Starts everything on one machine: log, projections on their thread, bus, reactors, HTTP and live.
 * @throws config.invalid, log.locked, log.corrupt.
 */
export async function startServer(config: Config, logger: Logger = createLogger()): Promise<Server> {
  const known = catalogue(domains);
  const codec = createCodec([...known.events.values()]);
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });

  const log = await openEmbeddedLog({ ...config.log, codec, report: (message) => logger.warn(message) });
  const closing: (() => Promise<unknown>)[] = [() => log.close()];
  try {
    const keys = await openSubjectKeys({ dir: join(config.dataDir, 'keys') });
    closing.unshift(() => keys.close());
    const blobs = await openDiskBlobs({ dir: config.blobs.dir });
    const projections = await openProjections({
      dir: config.dataDir,
      logDir: config.log.dir,
      projectorUrl: new URL('./projector.ts', import.meta.url),
      definitions: domains.flatMap((domain) => domain.projections),
      synced: log.headOffset(),
      report: (message) => logger.warn(message),
    });
    closing.unshift(() => projections.close());

    const headAtStart = log.headOffset();
    const reader = log.reader();
    const lastRecordedAt = headAtStart === 0 ? 0 : reader.at(headAtStart).recordedAt;
    const clock = watchClock({ lastRecordedAt });
    const cooldowns = memoryCooldowns();
    let starting: StrataError | null = errors.error('server.busy', 'the server is starting', { retryAfterSeconds: 1 });
    const fault = (): StrataError | null => starting ?? clock.fault() ?? log.fault();
    const bus = createBus({
      log,
      catalogue: known,
      keys,
      cooldowns,
      clock: Date.now,
      notBefore: lastRecordedAt,
      lagMs: () => projections.lagMs(),
      fault,
    });
    closing.unshift(() => bus.close());
    const inspector = createInspector({ blobsDir: config.blobs.dir });
    closing.unshift(() => inspector.close());

    // It listens before it is ready, so that whoever starts it can ask how far it has come.
    const http = await startHttpServer({
      host: config.host,
      port: config.port,
      dappDomain: config.dappDomain,
      domains,
      bus,
      projections,
      log,
      blobs,
      inspector,
      keys,
      dapps: { published: publishedDeploy, deploy: deployOf },
      authenticate: authenticator(config.adminKey, projections),
      eventAt: (offset) => reader.at(offset),
      health: () => healthOf([fault(), foldFault(projections)]),
      acceptClock: () => clock.acknowledge(),
      status: () => ({ head: log.headOffset(), checkpoint: projections.checkpoint(), lagMs: projections.lagMs() }),
      report: (message, fields) => logger.error(message, fields),
    });
    closing.unshift(() => http.close());

    advanceWithTheLog(log, projections);
    await caughtUp(projections, headAtStart, logger);
    markRecentAdmissions(log, projections, cooldowns);
    starting = null;
    const adminKey = config.adminKey === null ? await firstAdminKey(bus, log) : null;
    await caughtUp(projections, log.headOffset(), logger);
    const reactors = ReactorRunner.start({
      dir: join(config.dataDir, 'reactors'),
      log,
      bus,
      reactors: domains.flatMap((domain) => domain.reactors),
      clock: Date.now,
      report: (message, fields) => logger.warn(message, fields),
    });
    closing.unshift(() => reactors.close());
    const host = config.host.includes(':') ? `[${config.host}]` : config.host;
    return { url: `http://${host}:${http.port}`, adminKey, close: () => inOrder(closing) };
  } catch (error) {
    await inOrder(closing);
    throw error;
  }
}

/** Tells the fold of every batch that the log has synced, until the log closes. */
async function advanceWithTheLog(log: EmbeddedLog, projections: Projections): Promise<void> {
  projections.advance(log.headOffset());
  for await (const { to } of log.subscribe(log.head())) projections.advance(to);
}

/** Waits until the projections have reached the head found at start, telling how far they are. */
async function caughtUp(projections: Projections, head: number, logger: Logger): Promise<void> {
  for (;;) {
    try {
      await projections.waitFor(head, CATCH_UP_REPORTED_MS);
      return;
    } catch (error) {
      if (!isStrataError(error, 'history.not-yet') || projections.fault() !== null) throw error;
      logger.info('projections are catching up', { checkpoint: projections.checkpoint(), head });
    }
  }
}

/** What was admitted in the last seconds of the log still counts after a start. */
function markRecentAdmissions(log: EmbeddedLog, projections: Projections, cooldowns: Cooldowns): void {
  const reader = log.reader();
  const head = log.headOffset();
  for (const { admissions } of domains) {
    if (admissions === undefined) continue;
    const windowMs = admissions.windowSeconds(projections.db()) * 1000;
    if (windowMs === 0) continue;
    reader.visit(reader.offsetAtTime(Date.now() - windowMs, head), head, (event) => {
      const key = admissions.keyOf(event);
      if (key !== null) cooldowns.mark(key, event.at);
    });
  }
}

function foldFault(projections: Projections): StrataError | null {
  const cause = projections.fault();
  if (cause === null) return null;
  return isStrataError(cause) ? cause : errors.error('server.failed', 'the projections have stopped', { cause });
}

function healthOf(faults: readonly (StrataError | null)[]): Health {
  const problems = faults.filter((fault) => fault !== null);
  return { ready: problems.length === 0, problems };
}

async function inOrder(closing: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const close of closing) await close();
}
