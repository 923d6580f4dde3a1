import type { BlobReader } from '#blobs/blob-store.ts';
import { GrowingBuffer } from '#events/growing-buffer.ts';
import { errors, isStrataError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { blobFile, blobsOfPart, PARTS } from './blob-files.ts';
import { HashedBytes, putHashed } from './hashed-bytes.ts';
import type { BackupFile } from './manifest.ts';
import type { BackupTarget } from './target.ts';

const COPIED_AT_ONCE_MAX = 8;
const LIST_FIRST_BYTES = 64 * 1024;

export type BlobsRecord = BackupFile & { readonly blobs: number; readonly blobBytes: number };

export type BlobBackup = {
  readonly blobs: BlobReader;
  readonly target: BackupTarget;
  /** Blobs that were deleted on purpose: they leave the target too, where the store has none of them again. */
  readonly collected: ReadonlySet<string>;
  /** Told of every blob: copied with so many bytes, or there already. */
  readonly onBlob: (copiedBytes: number | null) => void;
};

export type BlobsBackedUp = {
  readonly record: BlobsRecord;
  /** Blobs of the store that do not match their hash, and are not in the backup. */
  readonly damaged: readonly string[];
  /** Removes from the target what was collected; to be called once no manifest needs it. */
  readonly removeCollected: () => Promise<number>;
};

/**
 * Copies the blobs that the target lacks. A blob is stored before the event that names it, so a listing that begins after
 * the log's head was found has all that events up to there name.
 */
export async function backUpBlobs({ blobs, target, collected, onBlob }: BlobBackup): Promise<BlobsBackedUp> {
  const list = new BlobList();
  const damaged: string[] = [];
  const surplus: string[] = [];
  const unseen = new Set(PARTS);
  for await (const [part, stored] of inParts(blobs)) {
    unseen.delete(part);
    const there = await blobsOfPart(target, part);
    await inParallel(stored, COPIED_AT_ONCE_MAX, async ([sha256, bytes]) => {
      if (there.get(sha256) === bytes) onBlob(null);
      else if (await copied(blobs, target, sha256, bytes)) onBlob(bytes);
      else return void ((await blobs.has(sha256)) && damaged.push(sha256));
      list.add(sha256, bytes);
    });
    for (const sha256 of there.keys()) if (!stored.has(sha256) && collected.has(sha256)) surplus.push(sha256);
  }
  for (const part of unseen) {
    for (const sha256 of (await blobsOfPart(target, part)).keys()) if (collected.has(sha256)) surplus.push(sha256);
  }
  const removeCollected = async () => {
    await inParallel(surplus, COPIED_AT_ONCE_MAX, (sha256) => target.remove(blobFile(sha256)));
    return surplus.length;
  };
  return { record: await list.put(target), damaged, removeCollected };
}

/** False where the bytes are not what the hash says, or the blob was collected meanwhile. */
async function copied(blobs: BlobReader, target: BackupTarget, sha256: string, bytes: number): Promise<boolean> {
  let isDamaged = false;
  try {
    const source = new HashedBytes(await blobs.stream(sha256));
    const matching = async function* () {
      // The last piece is held back until all are known to match: a copy that does not is never finished.
      let held: Uint8Array | null = null;
      for await (const chunk of source) {
        if (held !== null) yield held;
        held = chunk;
      }
      isDamaged = source.sha256() !== sha256;
      if (isDamaged) throw errors.error('backup.damaged', `the blob ${sha256} does not match its hash`);
      if (held !== null) yield held;
    };
    await target.put(blobFile(sha256), matching(), bytes);
    return true;
  } catch (error) {
    if (isDamaged || isStrataError(error, 'blob.unknown')) return false;
    throw error;
  }
}

/** The store's blobs, those of a part together: a store lists its folders one after the other. */
async function* inParts(blobs: BlobReader): AsyncGenerator<[part: string, blobs: Map<string, number>]> {
  let part = '';
  let found = new Map<string, number>();
  for await (const { sha256, bytes } of blobs.list()) {
    const its = sha256.slice(0, 2);
    if (its !== part && found.size > 0) {
      yield [part, found];
      found = new Map();
    }
    part = its;
    found.set(sha256, bytes);
  }
  if (found.size > 0) yield [part, found];
}

/** What the backup has, a line a blob: hash and length. */
class BlobList {
  readonly #lines = new GrowingBuffer(LIST_FIRST_BYTES);
  #blobs = 0;
  #blobBytes = 0;

  add(sha256: string, bytes: number): void {
    const line = Buffer.from(`${sha256} ${bytes}\n`);
    this.#lines.reserve(line.length);
    this.#lines.bytes.set(line, this.#lines.length);
    this.#lines.length += line.length;
    this.#blobs += 1;
    this.#blobBytes += bytes;
  }

  async put(target: BackupTarget): Promise<BlobsRecord> {
    const file = await putHashed(target, 'blob-lists/', this.#lines.view());
    return { ...file, blobs: this.#blobs, blobBytes: this.#blobBytes };
  }
}
