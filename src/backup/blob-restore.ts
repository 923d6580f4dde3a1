import type { BlobStore } from '#blobs/blob-store.ts';
import { errors } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import type { BlobsRecord } from './blob-backup.ts';
import { blobFile } from './blob-files.ts';
import { readVerified } from './hashed-bytes.ts';
import { linesOf } from './lines.ts';
import type { BackupTarget } from './target.ts';

const COPIED_AT_ONCE_MAX = 8;

export type BlobRestore = {
  readonly target: BackupTarget;
  readonly record: BlobsRecord;
  /** Blobs that were deleted on purpose since: they may be gone from the target. */
  readonly collected: ReadonlySet<string>;
  readonly blobs: BlobStore;
  /** Told of every blob: copied with so many bytes, or there already. */
  readonly onBlob: (copiedBytes: number | null) => void;
};

/** A blob of a backup, as its list has it. */
export type ListedBlob = { readonly sha256: string; readonly bytes: number };

/** @throws backup.damaged */
export async function listedBlobs(target: BackupTarget, record: BlobsRecord): Promise<ListedBlob[]> {
  return linesOf(await readVerified(target, record)).map((line) => {
    const [sha256 = '', bytes] = line.split(' ');
    return { sha256, bytes: Number(bytes) };
  });
}

/**
 * Copies the backup's blobs that the store lacks, each checked against its hash.
 * @throws backup.damaged naming the blob
 */
export async function restoreBlobs({ target, record, collected, blobs, onBlob }: BlobRestore): Promise<void> {
  await inParallel(await listedBlobs(target, record), COPIED_AT_ONCE_MAX, async ({ sha256, bytes }) => {
    // A restore that was cut short has kept what it had copied whole.
    if (await blobs.has(sha256)) return onBlob(null);
    if (collected.has(sha256) && (await target.size(blobFile(sha256))) === null) return;
    const pending = await blobs.receive(await target.get(blobFile(sha256)), bytes);
    if (pending.sha256 !== sha256) {
      await pending.drop();
      throw errors.error('backup.damaged', `the blob ${sha256} in ${target.url} does not match its hash`);
    }
    await pending.keep();
    onBlob(bytes);
  });
}
