import { closeSync, fdatasyncSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errors } from '../../errors.ts';
import { HASH_BYTES } from './hashing.ts';
import type { TreeHashes } from './merkle.ts';
import { hashesAt, levelsOf } from './tile.ts';

const LEVELS_MAX = 7;

/**
 * The tree's hashes, a file for each of the tiles' levels, one after the other: a tile is 8,192 bytes of one, and a partial
 * tile the beginning of them. They are only ever appended to, so what lies below a signed size does not change.
 */
export class HashFiles implements TreeHashes {
  readonly #dir: string;
  readonly #flags: 'r' | 'a+';
  readonly #files = new Map<number, number>();

  private constructor(dir: string, flags: 'r' | 'a+') {
    this.#dir = dir;
    this.#flags = flags;
  }

  static forReading(dir: string): HashFiles {
    return new HashFiles(dir, 'r');
  }

  /** For the one writer. */
  static forAppending(dir: string): HashFiles {
    return new HashFiles(dir, 'a+');
  }

  /** @throws log.tree-mismatch where the file ends before. */
  read(level: number, from: number, count: number): Buffer {
    const hashes = Buffer.allocUnsafe(count * HASH_BYTES);
    let length = 0;
    while (length < hashes.length) {
      const read = readSync(this.#file(level), hashes, length, hashes.length - length, from * HASH_BYTES + length);
      if (read === 0) throw errors.error('log.tree-mismatch', `${this.#path(level)} ends before hash ${from + count}`);
      length += read;
    }
    return hashes;
  }

  readonly append = (level: number, hashes: Buffer): void => {
    for (let written = 0; written < hashes.length; ) written += writeSync(this.#file(level), hashes, written);
  };

  /** Cuts off what does not belong to a tree of `size` leaves; files that are shorter stay so. */
  truncate(size: number): void {
    for (let level = 0; level < LEVELS_MAX; level += 1) {
      const there = statSync(this.#path(level), { throwIfNoEntry: false });
      const sizeBytes = hashesAt(level, size) * HASH_BYTES;
      if (there !== undefined && there.size > sizeBytes) ftruncateSync(this.#file(level), sizeBytes);
    }
  }

  /** Returns when the hashes of a tree of `size` leaves are on the disk itself. */
  sync(size: number): void {
    for (let level = 0; level < levelsOf(size); level += 1) fdatasyncSync(this.#file(level));
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
  }

  #path(level: number): string {
    return join(this.#dir, `${level}.hashes`);
  }

  #file(level: number): number {
    let file = this.#files.get(level);
    if (file === undefined) {
      file = openSync(this.#path(level), this.#flags, 0o600);
      this.#files.set(level, file);
    }
    return file;
  }
}
