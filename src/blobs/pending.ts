import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { assert } from '../assert.ts';
import { errors, isStrataError } from '../errors.ts';
import type { PendingBlob } from './blob-store.ts';
import { systemCode, writeError } from './disk-errors.ts';
import type { Folders } from './folders.ts';
import { blobPath } from './layout.ts';

type Place = { readonly dir: string; readonly incomingDir: string; readonly folders: Folders };

/** Streams the source into a temporary file of its own; see `BlobStore.receive`. */
export async function receive(place: Place, source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<PendingBlob> {
  const path = join(place.incomingDir, randomUUID());
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx');
  } catch (error) {
    throw writeError(error);
  }
  const pending = new DiskPending(place, path, handle);
  try {
    for await (const chunk of failuresNamed(source)) await pending.write(chunk, bytesMax);
  } catch (error) {
    await pending.drop();
    throw writeError(error);
  }
  return pending.complete();
}

/** The source's own failure must not be taken for the disk's. */
async function* failuresNamed(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = await chunks.next();
      } catch (error) {
        ended = true;
        if (isStrataError(error)) throw error;
        throw errors.error('request.upload-failed', 'the bytes stopped before their end', { cause: error });
      }
      ended = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    if (!ended) await chunks.return?.();
  }
}

class DiskPending implements PendingBlob {
  readonly path: string;
  readonly #place: Place;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #sha256: string | null = null;
  #settled = false;

  constructor(place: Place, path: string, handle: FileHandle) {
    this.#place = place;
    this.path = path;
    this.#handle = handle;
  }

  get sha256(): string {
    assert(this.#sha256 !== null, 'a pending blob is complete before it is handed on');
    return this.#sha256;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async write(chunk: Uint8Array, bytesMax: number): Promise<void> {
    if (this.#bytes + chunk.length > bytesMax) {
      throw errors.error('request.too-large', `the body has more than ${bytesMax} bytes`);
    }
    this.#hash.update(chunk);
    let written = 0;
    while (written < chunk.length) written += (await this.#handle.write(chunk, written)).bytesWritten;
    this.#bytes += chunk.length;
  }

  complete(): PendingBlob {
    this.#sha256 = this.#hash.digest('hex');
    return this;
  }

  async keep(): Promise<void> {
    assert(!this.#settled, 'a pending blob is kept or dropped once');
    this.#settled = true;
    const target = blobPath(this.#place.dir, this.sha256);
    const folder = dirname(target);
    try {
      if (await this.#alreadyKept(target)) {
        await this.#discard();
      } else {
        await this.#handle.datasync();
        await this.#place.folders.make(folder);
        await rename(this.path, target);
        await this.#handle.close();
      }
      await this.#place.folders.sync(folder);
    } catch (error) {
      await this.#discard();
      throw writeError(error);
    }
  }

  /** Does nothing after `keep`, or a second time. */
  async drop(): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    await this.#discard();
  }

  /** Whatever fails here leaves a temporary file, which the next open removes. */
  async #discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.path, { force: true }).catch(() => undefined);
  }

  /** The same bytes under the same name: only touched, so that a collector of orphans takes it for new. */
  async #alreadyKept(target: string): Promise<boolean> {
    try {
      if ((await stat(target)).size !== this.#bytes) return false;
      const now = new Date();
      await utimes(target, now, now);
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  }
}
