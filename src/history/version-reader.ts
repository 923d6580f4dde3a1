import type { AppendFileReader } from './append-file.ts';
import { applyPatch } from './byte-patch.ts';
import type { CollectionTrees } from './collection-trees.ts';
import type { Version } from './db.ts';
import type { Snapshot } from './tree.ts';
import { keyText, offsetKey, type TreeKey } from './tree-key.ts';
import { DELETED, type FoundVersion, findVersion, type VersionEntry, WHOLE } from './version-list.ts';

const CACHE_BYTES_MAX = 8 * 1024 * 1024;
/** What an entry of the cache takes beside its bytes. */
const CACHED_OVERHEAD_BYTES = 128;

/** Reads documents of one collection at any offset, with the bytes of recent reads kept by pointer: versions never change. */
export class VersionReader {
  readonly #trees: CollectionTrees;
  readonly #file: AppendFileReader;
  #recent = new Map<number, Buffer>();
  #earlier = new Map<number, Buffer>();
  #recentBytes = 0;

  constructor(trees: CollectionTrees, file: AppendFileReader) {
    this.#trees = trees;
    this.#file = file;
  }

  /** The document's newest version at or before `offset`, deletions included. */
  find(key: TreeKey, offset: number, snapshot: Snapshot): FoundVersion | null {
    const head = this.#trees.heads.get(key, snapshot);
    return head === undefined ? null : this.findIn(head, key, offset, snapshot);
  }

  /** As `find`, with the row of the tree `heads` at hand. */
  findIn(head: Buffer, key: TreeKey, offset: number, snapshot: Snapshot): FoundVersion | null {
    const found = findVersion(head, offset);
    if (found !== 'older') return found;
    const row = this.#trees.older.last({ low: `${key}\0`, high: `${key}\0${offsetKey(offset)}` }, snapshot);
    if (row === null) return null;
    const older = findVersion(row.value, offset);
    return older === 'older' ? null : older;
  }

  get(key: TreeKey, offset: number, snapshot: Snapshot): Version | null {
    const found = this.find(key, offset, snapshot);
    return found === null ? null : this.version(key, found);
  }

  /** `null` for a deletion. */
  version(key: TreeKey, { entry, base }: FoundVersion): Version | null {
    if (entry.kind === DELETED) return null;
    const bytes = entry.kind === WHOLE || base === null ? this.#bytes(entry) : this.#patched(entry, base);
    return { key: keyText(key), bytes, offset: entry.offset };
  }

  close(): void {
    this.#file.close();
  }

  #bytes(entry: VersionEntry): Buffer {
    return this.#cached(entry.pointer) ?? this.#keep(entry.pointer, this.#file.read(entry.pointer, entry.length));
  }

  #patched(entry: VersionEntry, base: VersionEntry): Buffer {
    const cached = this.#cached(entry.pointer);
    if (cached !== undefined) return cached;
    const patch = this.#file.read(entry.pointer, entry.length);
    return this.#keep(entry.pointer, applyPatch(this.#bytes(base), patch));
  }

  #cached(pointer: number): Buffer | undefined {
    const recent = this.#recent.get(pointer);
    if (recent !== undefined) return recent;
    const earlier = this.#earlier.get(pointer);
    return earlier === undefined ? undefined : this.#keep(pointer, earlier);
  }

  #keep(pointer: number, bytes: Buffer): Buffer {
    if (this.#recentBytes > CACHE_BYTES_MAX) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
      this.#recentBytes = 0;
    }
    this.#recent.set(pointer, bytes);
    this.#recentBytes += bytes.length + CACHED_OVERHEAD_BYTES;
    return bytes;
  }
}
