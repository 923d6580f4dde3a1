import { HashFiles } from '#log/transparency/hash-files.ts';
import { HASH_BYTES } from '#log/transparency/hashing.ts';
import { hashesAt } from '#log/transparency/tile.ts';
import { isStrataError } from '../errors.ts';
import type { TreeAuditResult } from './tree-audit.ts';

/** Compares hashes with those in the tree's files, as they come. */
export class TreeComparison {
  different: TreeAuditResult['different'] = null;
  readonly #files: HashFiles;
  readonly #stored: number;
  readonly #compared: number[] = [];

  constructor(treeDir: string, stored: number) {
    this.#files = HashFiles.forReading(treeDir);
    this.#stored = stored;
  }

  readonly compare = (level: number, hashes: Buffer): void => {
    const from = this.#compared[level] ?? 0;
    this.#compared[level] = from + hashes.length / HASH_BYTES;
    const count = Math.min(hashes.length / HASH_BYTES, hashesAt(level, this.#stored) - from);
    if (count <= 0 || this.different !== null) return;
    const there = this.#read(level, from, count);
    for (let at = 0; at < count; at += 1) {
      const [start, end] = [at * HASH_BYTES, (at + 1) * HASH_BYTES];
      if (there !== null && hashes.compare(there, start, end, start, end) === 0) continue;
      this.different = { level, index: from + at };
      return;
    }
  };

  close(): void {
    this.#files.close();
  }

  /** `null` where the file is not there, or ends before. */
  #read(level: number, from: number, count: number): Buffer | null {
    try {
      return this.#files.read(level, from, count);
    } catch (error) {
      if (isStrataError(error, 'log.tree-mismatch')) return null;
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  }
}
