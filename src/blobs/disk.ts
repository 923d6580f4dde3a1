import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { link, mkdir, open, opendir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { errors } from '../errors.ts';
import type { BlobReader, BlobStore, ByteRange, PendingBlob, StagedBlobs } from './blob-store.ts';
import { systemCode, writeError } from './disk-errors.ts';
import { keepOnDisk } from './disk-keep.ts';
import { Folders, syncFolder } from './folders.ts';
import { blobPath, incomingDir, isSha256 } from './layout.ts';
import { once, receive } from './spool.ts';

const FAN_OUT = /^[0-9a-f]{2}$/;

export type DiskBlobsOptions = {
  readonly dir: string;
  /**
   * Where temporary files go, on the same file system; emptied at open. `incoming` in `dir` unless told: a process that
   * writes beside the server names a folder of its own.
   */
  readonly incomingDir?: string;
};

/**
 * Blobs as files: `ab/cd/abcd…`. A blob is written to a temporary file, synced, renamed to its hash, and its folder synced,
 * before `keep` or `put` resolves. Temporary files that an earlier process left are removed.
 */
export async function openDiskBlobs(options: DiskBlobsOptions): Promise<BlobStore> {
  const { dir } = options;
  const incoming = options.incomingDir ?? incomingDir(dir);
  try {
    await mkdir(dir, { recursive: true });
    await rm(incoming, { recursive: true, force: true });
    await mkdir(incoming, { recursive: true });
    await syncFolder(dirname(dir));
    await syncFolder(dir);
  } catch (error) {
    throw writeError(error);
  }
  return new DiskBlobs(dir, incoming);
}

/** Blobs to be read beside the process that stores them; nothing is made or emptied. None where there is no folder. */
export function readDiskBlobs(dir: string): BlobReader {
  return new DiskBlobs(dir, incomingDir(dir));
}

class DiskBlobs implements BlobStore {
  readonly #dir: string;
  readonly #incoming: string;
  readonly #folders: Folders;

  constructor(dir: string, incoming: string) {
    this.#dir = dir;
    this.#incoming = incoming;
    this.#folders = new Folders(dir);
  }

  receive(source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<PendingBlob> {
    return receive(this.#incoming, source, bytesMax, (file) => keepOnDisk(this.#dir, this.#folders, file));
  }

  /** In the store's own folder: what is written there is a blob already. */
  stage(): StagedBlobs {
    const temporary = join(this.#incoming, `staged-${randomUUID()}`);
    return {
      dir: this.#dir,
      incomingDir: temporary,
      keep: async () => {},
      drop: () => rm(temporary, { recursive: true, force: true }),
    };
  }

  async put(bytes: Uint8Array): Promise<string> {
    const pending = await this.receive(once(bytes), bytes.length);
    await pending.keep();
    return pending.sha256;
  }

  async has(sha256: string): Promise<boolean> {
    if (!isSha256(sha256)) return false;
    return (await stat(blobPath(this.#dir, sha256)).catch(noneWhenMissing)) !== null;
  }

  async size(sha256: string): Promise<number> {
    return found(await stat(blobPath(this.#dir, sha256)).catch(noneWhenMissing), sha256).size;
  }

  async read(sha256: string): Promise<Buffer> {
    return found(await readFile(blobPath(this.#dir, sha256)).catch(noneWhenMissing), sha256);
  }

  async stream(sha256: string, range?: ByteRange): Promise<Readable> {
    // Opened here, so that a blob that is not there is an error before the first header is sent.
    const handle = found(await open(blobPath(this.#dir, sha256), 'r').catch(noneWhenMissing), sha256);
    return handle.createReadStream(range === undefined ? {} : { start: range.first, end: range.last });
  }

  async *list(): AsyncIterable<{ readonly sha256: string; readonly bytes: number; readonly modifiedAtMs: number }> {
    for await (const first of namesIn(this.#dir)) {
      if (!FAN_OUT.test(first)) continue;
      for await (const second of namesIn(join(this.#dir, first))) {
        if (!FAN_OUT.test(second)) continue;
        for await (const sha256 of namesIn(join(this.#dir, first, second))) {
          if (!isSha256(sha256)) continue;
          const file = await stat(blobPath(this.#dir, sha256)).catch(noneWhenMissing);
          if (file !== null) yield { sha256, bytes: file.size, modifiedAtMs: file.mtimeMs };
        }
      }
    }
  }

  async delete(sha256: string): Promise<void> {
    const path = blobPath(this.#dir, sha256);
    try {
      await unlink(path);
      await this.#folders.sync(dirname(path));
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw writeError(error);
    }
  }

  async deleteStoredBefore(sha256: string, timeMs: number): Promise<boolean> {
    const path = blobPath(this.#dir, sha256);
    const before = await stat(path).catch(noneWhenMissing);
    if (before === null || storedAtMs(before) >= timeMs) return false;
    // Out of the way before its time is looked at: whoever stores it from now on finds none, and stores a blob of its own.
    const aside = join(this.#incoming, randomUUID());
    try {
      await rename(path, aside);
      const isUntouched = storedAtMs(await stat(aside)) < timeMs;
      if (!isUntouched) await link(aside, path).catch(unlessThere);
      await unlink(aside);
      await this.#folders.sync(dirname(path));
      return isUntouched;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw writeError(error);
    }
  }
}

/** Never too early: the time that a file is touched with loses some nanoseconds on its way. */
function storedAtMs({ mtimeMs }: Stats): number {
  return Math.ceil(mtimeMs);
}

function unlessThere(error: unknown): void {
  if (systemCode(error) !== 'EEXIST') throw error;
}

async function* namesIn(dir: string): AsyncIterable<string> {
  const entries = await opendir(dir).catch(noneWhenMissing);
  if (entries === null) return;
  for await (const entry of entries) yield entry.name;
}

function noneWhenMissing(error: unknown): null {
  if (systemCode(error) === 'ENOENT') return null;
  throw error;
}

function found<Value>(value: Value | null, sha256: string): Value {
  if (value === null) throw errors.error('blob.unknown', `there is no blob ${sha256}`);
  return value;
}
