import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../assert.ts';
import { errors, isStrataError } from '../errors.ts';
import type { PendingBlob } from './blob-store.ts';
import { writeError } from './disk-errors.ts';

/** Received bytes in a temporary file of their own. */
export type SpooledFile = {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly handle: FileHandle;
};

/** Makes a blob of a file, which is removed afterwards if it still is where it was. */
export type KeepFile = (file: SpooledFile) => Promise<void>;

/** Streams the source into a temporary file in `dir`; see `BlobStore.receive`. */
export async function receive(
  dir: string,
  source: AsyncIterable<Uint8Array>,
  bytesMax: number,
  keep: KeepFile,
): Promise<PendingBlob> {
  const path = join(dir, randomUUID());
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx');
  } catch (error) {
    throw writeError(error);
  }
  const pending = new SpooledBlob(path, handle, keep);
  try {
    for await (const chunk of failuresNamed(source)) await pending.write(chunk, bytesMax);
  } catch (error) {
    await pending.drop();
    throw writeError(error);
  }
  return pending.complete();
}

/** A source of bytes that are in memory. */
export async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
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

class SpooledBlob implements PendingBlob {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #keep: KeepFile;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #sha256: string | null = null;
  #settled = false;

  constructor(path: string, handle: FileHandle, keep: KeepFile) {
    this.path = path;
    this.#handle = handle;
    this.#keep = keep;
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
    try {
      await this.#keep({ path: this.path, sha256: this.sha256, bytes: this.#bytes, handle: this.#handle });
    } catch (error) {
      throw writeError(error);
    } finally {
      await this.#discard();
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
}
