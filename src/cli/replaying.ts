import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCodec } from '#events/encoding.ts';
import { resolveAsOf } from '#history/as-of.ts';
import { type Prepared, type PrepareProgress, prepareProjections } from '#history/folding/prepare.ts';
import { StoredProjections } from '#history/folding/stored-projections.ts';
import { replayAndCompare } from '#history/replay/replay.ts';
import type { ReplayProgress, ReplayReport } from '#history/replay/report.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
import type { LogReader } from '#log/log-reader.ts';
import { refOffset } from '#projections/refs/ref.ts';
import type { Config } from '../config.ts';
import { domains } from '../domains.ts';
import { usage } from './failure.ts';

export type Replaying = {
  readonly config: Config;
  /** What `asOf` takes; how far the projections are folded, unless told. */
  readonly to: string | undefined;
  /** The projection to replay; all unless told. */
  readonly projection: string | undefined;
  /** The folder to fold into, which is kept; one that is removed unless told. */
  readonly dir: string | undefined;
  readonly onProgress: (progress: ReplayProgress) => void;
};

/** Replays the log of a data folder, of a running server or of none, with the projections that this program knows. */
export async function replayDataFolder(asked: Replaying): Promise<ReplayReport & { readonly epoch: number }> {
  const { config, projection, dir, onProgress } = asked;
  const definitions = domains.flatMap((domain) => domain.projections);
  if (projection !== undefined && !definitions.some(({ name }) => name === projection)) {
    throw usage(`there is no projection "${projection}": there are ${definitions.map(({ name }) => name).join(', ')}`);
  }
  const events = domains.flatMap((domain) => domain.events);
  const log = openLogReader(config.log.dir, createCodec(events));
  const scratchDir = dir ?? mkdtempSync(join(tmpdir(), 'strata-replay-'));
  try {
    const to = asked.to === undefined ? undefined : await offsetOf(asked.to, config.dataDir, log);
    const report = await replayAndCompare({
      dataDir: config.dataDir,
      scratchDir,
      log,
      definitions,
      eventTypes: events.map(({ type }) => type),
      onProgress,
      ...(to !== undefined && { to }),
      ...(projection !== undefined && { projections: [projection] }),
    });
    return { ...report, epoch: log.epoch };
  } finally {
    log.close();
    if (dir === undefined) rmSync(scratchDir, { recursive: true, force: true });
  }
}

/** Folds what the data folder has not got by this program's versions; see `prepareProjections`. */
export async function prepareDataFolder(
  config: Config,
  onProgress: (progress: PrepareProgress) => void,
): Promise<readonly Prepared[]> {
  const events = domains.flatMap((domain) => domain.events);
  const log = openLogReader(config.log.dir, createCodec(events));
  try {
    return await prepareProjections({
      dataDir: config.dataDir,
      log,
      definitions: domains.flatMap((domain) => domain.projections),
      eventTypes: events.map(({ type }) => type),
      onProgress,
    });
  } finally {
    log.close();
  }
}

/** Without a server the log's end is how far the projections came: they fold what is synced, and nothing else. */
async function offsetOf(when: string, dataDir: string, log: LogReader): Promise<number> {
  const stored = await StoredProjections.open(
    dataDir,
    domains.flatMap((domain) => domain.projections),
  );
  try {
    const end = Math.min(...stored.found.map(({ checkpoint }) => checkpoint.offset));
    const position = (offset: number) => ({ epoch: log.epoch, offsets: [offset] });
    const source = {
      epoch: log.epoch,
      head: () => position(end),
      positionAt: async (time: Date) => position(log.offsetAtTime(time.getTime(), end)),
    };
    const asOf = await resolveAsOf(
      when,
      { log: source, refOffset: (ref) => refOffset(stored.db(end), ref) },
      Date.now(),
    );
    return asOf.offset;
  } finally {
    await stored.close();
  }
}
