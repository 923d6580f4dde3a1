import { createCodec } from '#events/encoding.ts';
import { formatPosition } from '#events/position.ts';
import { markMoved } from '#log/embedded/moved.ts';
import { requireSegments } from '#log/embedded/segments.ts';
import { lastSigned } from '#log/transparency/checkpoint-signer.ts';
import { domains } from '../domains.ts';
import { errors } from '../errors.ts';
import { compareProjections } from './compare-projections.ts';
import { copyBlobsBetween } from './copy-blobs.ts';
import { copyKeysBetween } from './copy-keys.ts';
import { type CopiedLog, copyLog, type LogPair, requireBeginning } from './copy-log.ts';
import { copyNotes } from './copy-notes.ts';
import { openSource, openTarget, shownUrl } from './engine-log.ts';
import type { MigrateOptions, MigrationReport } from './migration.ts';
import { type OnProgress, phaseOf } from './progress.ts';
import { firstDifferent, treeRoot } from './tree-root.ts';

/**
 * Copies a log to another engine, where it keeps its id, epoch, order, revisions and times, and so every position; with its
 * blobs and keys, where those lie elsewhere there. Proves at the end that both have the same events, and that the copy folds
 * to what the source serves. The same call again goes on where one that was cut short ended.
 *
 * @throws log.locked, log.moved, migration.other-log, migration.source-written, migration.different,
 * engine.unavailable, engine.misconfigured
 */
export async function migrate(options: MigrateOptions): Promise<MigrationReport> {
  const { from, to, create, report } = options;
  const startMs = performance.now();
  const codec = createCodec(domains.flatMap(({ events }) => events));
  // Opened for writing, a folder without a log would get one.
  if (from.log.engine === 'embedded') requireSegments(from.log.dir);
  const source = await openSource(from.log, { codec, report });
  try {
    const identity = { id: source.id, epoch: source.epoch };
    const target = await openTarget(to.log, { codec, identity, create, report });
    try {
      const logs = { source, target, codec, engines: { from: from.log.engine, to: to.log.engine } };
      return { ...(await migrateLog(logs, options)), seconds: (performance.now() - startMs) / 1000 };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function migrateLog(logs: LogPair, options: MigrateOptions): Promise<Omit<MigrationReport, 'seconds'>> {
  const { from, to, withBlobs, keepSource, clock, onProgress } = options;
  const { source, target } = logs;
  requireBeginning(logs, source.headOffset());
  // Before the events that name them, as ever.
  const blobs = withBlobs ? await copyBlobsBetween(from, to, options) : null;
  const keys = withBlobs ? await copyKeysBetween(from, to, options) : null;
  if (to.dataDir !== from.dataDir) await copyNotes(from.dataDir, to.dataDir);
  const checkpoint = lastSigned(`${from.dataDir}/tree`)?.note ?? null;
  const log = await copyLog({ ...logs, checkpoint, clock, onProgress });
  await requireSameTree(logs, log, onProgress);
  const projections = await compareProjections(target.reader(), from.dataDir, onProgress);
  const isWhole = projections.structures.every(({ equal }) => equal) && (blobs?.damaged.length ?? 0) === 0;
  const isMarked = isWhole && !keepSource && from.log.engine === 'embedded';
  const position = formatPosition({ epoch: source.epoch, offsets: [log.size] });
  if (isMarked) markMoved(source.dir, { to: shownUrl(to.url), position, movedAt: new Date(clock()).toISOString() });
  return {
    from: shownUrl(from.url),
    to: shownUrl(to.url),
    logId: source.id,
    position,
    events: log.size,
    copied: log.copied,
    root: log.root,
    projections,
    blobs,
    keys,
    isWhole,
    isMarked,
  };
}

/** @throws migration.different, naming the first position at which the logs part */
async function requireSameTree({ source, target }: LogPair, log: CopiedLog, onProgress: OnProgress): Promise<void> {
  const told = phaseOf('hashing the copy', onProgress);
  const { size, root } = log;
  const copied = await treeRoot(target.reader(), size, (done) => told(done, size));
  if (copied === root) return;
  const offset = await firstDifferent(source.reader(), target.reader(), size);
  const where = offset === null ? 'the logs were read differently' : `the first other event is at position ${offset}`;
  throw errors.error('migration.different', `the copy has the root ${copied}, and the log has ${root}: ${where}`);
}
