import type { Version } from '../db.ts';
import { type AppendFileReader, ErasedRecord } from '../storage/append-file.ts';
import type { BlockCache } from '../storage/block-cache.ts';
import { applyPatch } from '../storage/byte-patch.ts';
import type { Snapshot } from '../storage/tree.ts';
import { keyText, offsetKey, type TreeKey } from '../storage/tree-key.ts';
import { type CollectionTrees, LAST_ERASURE } from './trees.ts';
import {
  ERASED,
  type FoundVersion,
  findVersion,
  foundVersions,
  isErasure,
  isRecord,
  type VersionEntry,
  WHOLE,
} from './version-list.ts';

const FIRST_PATCH_BYTES = 4096;

/** Reads documents of one collection at any offset, through a cache of its file's blocks: versions never change. */
export class VersionReader {
  readonly #trees: CollectionTrees;
  readonly #file: AppendFileReader;
  readonly #cache: BlockCache;
  #patchMemory = Buffer.allocUnsafeSlow(FIRST_PATCH_BYTES);
  #lastErasure = '';

  /** `cache` is that of the file's reader. */
  constructor(trees: CollectionTrees, file: AppendFileReader, cache: BlockCache) {
    this.#trees = trees;
    this.#file = file;
    this.#cache = cache;
  }

  /** The document's newest version at or before `offset`, deletions included. */
  find(key: TreeKey, offset: number, snapshot: Snapshot): FoundVersion | null {
    const head = this.#trees.heads.get(key, snapshot);
    return head === undefined ? null : this.findIn(head, key, offset, snapshot);
  }

  /** As `find`, with the row of the tree `heads` at hand. */
  findIn(head: Buffer, key: TreeKey, offset: number, snapshot: Snapshot): FoundVersion | null {
    const found = findVersion(head, offset);
    return found === 'older' ? this.findOlder(key, offset, snapshot) : found;
  }

  /** As `find`, where the newest list has none. */
  findOlder(key: TreeKey, offset: number, snapshot: Snapshot): FoundVersion | null {
    const row = this.#trees.older.last({ low: `${key}\0`, high: `${key}\0${offsetKey(offset)}` }, snapshot);
    if (row === null) return null;
    const older = findVersion(row.value, offset);
    return older === 'older' ? null : older;
  }

  get(key: TreeKey, offset: number, snapshot: Snapshot): Version | null {
    return this.version(key, this.find(key, offset, snapshot));
  }

  /** Versions at or before `offset`, newest first; none of a document that was erased. */
  *history(key: TreeKey, offset: number, snapshot: Snapshot): Iterable<FoundVersion> {
    const head = this.#trees.heads.get(key, snapshot);
    for (const found of head === undefined ? [] : foundVersions(head)) {
      if (found.entry.kind === ERASED) return;
      if (found.entry.offset <= offset) yield found;
    }
    const older = { low: `${key}\0`, high: `${key}\0${offsetKey(offset + 1)}`, descending: true };
    for (const { value } of this.#trees.older.range(older, snapshot)) {
      for (const found of foundVersions(value)) if (found.entry.offset <= offset) yield found;
    }
  }

  isErased(key: TreeKey, snapshot: Snapshot): boolean {
    const head = this.#trees.heads.get(key, snapshot);
    return head !== undefined && isErasure(head);
  }

  /** `null` for a deletion, and where there is no version. */
  version(key: TreeKey, found: FoundVersion | null): Version | null {
    if (found === null) return null;
    const bytes = this.bytes(found);
    return bytes === null ? null : { key: keyText(key), bytes, offset: found.entry.offset };
  }

  /** The document's canonical bytes; `null` for a deletion. */
  bytes({ entry, base }: FoundVersion): Buffer | null {
    if (!isRecord(entry)) return null;
    try {
      if (entry.kind === WHOLE || base === null) return Buffer.from(this.#record(entry));
      const patch = this.#patch(entry);
      return applyPatch(this.#record(base), patch);
    } catch (error) {
      // The snapshot may be of before the erasure.
      if (error instanceof ErasedRecord) return null;
      throw error;
    }
  }

  /** Drops what is kept when something was erased since it was last called. */
  forgetErased(snapshot: Snapshot): void {
    const last = this.#trees.heads.get(LAST_ERASURE, snapshot)?.toString() ?? '';
    if (last === this.#lastErasure) return;
    this.#lastErasure = last;
    this.#cache.clear();
  }

  close(): void {
    this.#file.close();
  }

  /** On memory that the next call uses again. */
  #record({ pointer, length }: VersionEntry): Buffer {
    return this.#file.peek(pointer, length);
  }

  /** On memory of its own: a base is read next. */
  #patch({ pointer, length }: VersionEntry): Buffer {
    if (this.#patchMemory.length < length) this.#patchMemory = Buffer.allocUnsafeSlow(2 * length);
    this.#file.peek(pointer, length).copy(this.#patchMemory);
    return this.#patchMemory.subarray(0, length);
  }
}
