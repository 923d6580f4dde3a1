import type { BlobReader, BlobStore } from '#blobs/blob-store.ts';
import { openBlobs, readBlobs } from '#blobs/open.ts';
import type { BlobsConfig } from '../config.ts';
import { inParallel } from '../in-parallel.ts';
import type { MigrateOptions, Side } from './migration.ts';
import { type OnProgress, phaseOf } from './progress.ts';

const COPIED_AT_ONCE_MAX = 8;

export type CopiedBlobs = {
  readonly copied: number;
  readonly copiedBytes: number;
  readonly there: number;
  /** Hashes of blobs whose bytes are not theirs any more: they are not copied. */
  readonly damaged: readonly string[];
};

/** Copies the blobs that the target lacks, each checked against its hash; `null` where both sides have one store. */
export async function copyBlobsBetween(
  from: Side,
  to: Side,
  { create, onProgress }: Pick<MigrateOptions, 'create' | 'onProgress'>,
): Promise<CopiedBlobs | null> {
  if (isSameStore(from.blobs, to.blobs)) return null;
  const target = await openBlobs({ blobs: to.blobs, dataDir: to.dataDir, create });
  return copyBlobs(await readBlobs(from.blobs), target, onProgress);
}

async function copyBlobs(source: BlobReader, target: BlobStore, onProgress: OnProgress): Promise<CopiedBlobs> {
  let [copied, copiedBytes, there] = [0, 0, 0];
  const damaged: string[] = [];
  const told = phaseOf('copying blobs', onProgress);
  await inParallel(source.list(), COPIED_AT_ONCE_MAX, async ({ sha256, bytes }) => {
    if (await target.has(sha256)) {
      there += 1;
    } else {
      const pending = await target.receive(await source.stream(sha256), bytes);
      if (pending.sha256 === sha256) {
        await pending.keep();
        copied += 1;
        copiedBytes += bytes;
      } else {
        await pending.drop();
        damaged.push(sha256);
      }
    }
    told(copied + there + damaged.length, null);
  });
  return { copied, copiedBytes, there, damaged };
}

function isSameStore(a: BlobsConfig, b: BlobsConfig): boolean {
  if (a.engine === 'disk') return b.engine === 'disk' && a.dir === b.dir;
  return b.engine === 's3' && a.url === b.url;
}
