import type { Codec } from '#events/encoding.ts';
import { readWrites } from '#log/embedded/write-reader.ts';
import type { RecordedWrite } from '#log/event-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import type { LogConfig } from '../config.ts';
import { errors } from '../errors.ts';
import { migratedEvent, migrationOf, migrationStream } from './migrated-event.ts';
import { type OnProgress, phaseOf } from './progress.ts';
import { treeRoot } from './tree-root.ts';

export type LogPair = {
  readonly source: LocalLog;
  readonly target: LocalLog;
  readonly engines: { readonly from: LogConfig['engine']; readonly to: LogConfig['engine'] };
  readonly codec: Codec;
};

export type LogCopy = LogPair & {
  /** The last checkpoint that was signed of the source. */
  readonly checkpoint: string | null;
  /** ms since 1970. */
  readonly clock: () => number;
  readonly onProgress: OnProgress;
};

export type CopiedLog = {
  /** How many events the source has, which the target has first. */
  readonly size: number;
  /** The root of their tree, in the source. */
  readonly root: string;
  /** Those that this run copied. */
  readonly copied: number;
};

/**
 * Copies the events that the target lacks, write by write, and ends them with `LogMigrated`. What an earlier run copied stays;
 * a target that goes on after `LogMigrated` was migrated before, and is left as it is.
 * @throws migration.other-log, migration.source-written, and what the engines throw
 */
export async function copyLog(copy: LogCopy): Promise<CopiedLog> {
  const { source, target, onProgress } = copy;
  const size = source.headOffset();
  const there = target.headOffset();
  requireBeginning(copy, size);
  const hashRoot = () => {
    const hashed = phaseOf('hashing', onProgress);
    return treeRoot(source.reader(), size, (done) => hashed(done, size));
  };
  if (there > size) {
    // Killed after its last write, it has not ended yet.
    await target.import(nothing());
    return { size, root: await hashRoot(), copied: 0 };
  }

  let root = '';
  async function* writes(): AsyncGenerator<RecordedWrite> {
    yield* told(copy, there, size);
    root = await hashRoot();
    if (source.headOffset() !== size) {
      const advice = 'stop its servers, and run the same command again, which goes on where this one ended';
      throw errors.error('migration.source-written', `the source was written to after position ${size}: ${advice}`);
    }
    yield [endOf(copy, size, root)];
  }
  await target.import(writes());
  return { size, root, copied: size - there };
}

async function* nothing(): AsyncGenerator<RecordedWrite> {}

/** The writes to copy, telling how far they were taken. */
async function* told({ source, codec, onProgress }: LogCopy, after: number, to: number): AsyncGenerator<RecordedWrite> {
  const copied = phaseOf('copying', onProgress);
  for await (const write of readWrites(source.dir, codec, { after, to })) {
    yield write;
    copied(write.at(-1)!.offset - after, to - after);
  }
}

function endOf({ source, engines, checkpoint, clock }: LogCopy, size: number, root: string) {
  return migratedEvent({
    logId: source.id,
    data: { ...engines, size, root, checkpoint },
    revision: source.lastRevision(migrationStream(source.id)) + 1,
    at: Math.max(clock(), size === 0 ? 0 : source.reader().at(size).recordedAt),
  });
}

/** @throws migration.other-log unless what the target holds is a beginning of the source, or the migrated source. */
export function requireBeginning({ source, target }: LogPair, size: number): void {
  const there = target.headOffset();
  if (target.id !== source.id || target.epoch !== source.epoch) {
    const [its, own] = [target, source].map(({ id, epoch }) => `${id}, epoch ${epoch}`);
    throw errors.error('migration.other-log', `the target holds the log ${its}, not ${own}: name an empty one`);
  }
  const last = Math.min(size, there);
  if (last > 0 && target.reader().hashAt(last) !== source.reader().hashAt(last)) {
    const why = migrationOf(target.reader().at(last))
      ? 'it was migrated before, and the source went on after that'
      : 'a server wrote there before the copy was whole';
    throw errors.error('migration.other-log', `the target has another event at position ${last}: ${why}`);
  }
  if (there <= size) return;
  const migrated = migrationOf(target.reader().at(size + 1));
  if (migrated?.size === size) return;
  throw errors.error('migration.other-log', `the target goes on after position ${size}, where the source ends`);
}
