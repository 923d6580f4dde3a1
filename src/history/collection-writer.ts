import type { AppendFile } from './append-file.ts';
import { ByteWriter } from './byte-codec.ts';
import { applyPatch, writePatch } from './byte-patch.ts';
import { CollectionCounts } from './collection-counts.ts';
import { CollectionRows } from './collection-rows.ts';
import type { CollectionTrees } from './collection-trees.ts';
import { documentBytes, documentOf } from './document-bytes.ts';
import { OpenBlocks } from './open-blocks.ts';
import type { CollectionDefinition, CollectionWriter, Document } from './projection.ts';
import { documentKey, offsetKey, type TreeKey } from './tree-key.ts';
import { DELETED, PATCH, readVersions, VERSIONS_MAX, type VersionEntry, WHOLE, writeVersions } from './version-list.ts';

/** Bytes of documents in one generation of the cache; there are two. */
const CACHE_BYTES_MAX = 4 * 1024 * 1024;
/** A patch larger than this part of its base is kept as a whole version. */
const PATCH_PART_MAX = 0.5;
/** What a version costs in memory until the commit, beside its bytes. */
const VERSION_OVERHEAD_BYTES = 512;

/** No event's offset. */
const NEVER = -1;

/**
 * A document as the fold knows it, with what the next commit writes. Most are met once in a long while, so what takes much
 * memory is kept in bytes, and parsed objects only of documents that are met again.
 */
type State = {
  readonly key: TreeKey;
  /** Canonical bytes; `null` where there is no document. */
  bytes: Buffer | null;
  /** What `bytes` says, once it was parsed, of documents that are met again. */
  document: Document | null;
  /** The last whole version's bytes, read when a patch is made. */
  base: Buffer | null;
  versions: VersionEntry[];
  hasOlder: boolean;
  changed: boolean;
  /** Offset of the event that last asked for it. */
  metAt: number;
  isMetAgain: boolean;
};

/** The fold's side of a collection: collects a batch in memory and writes it, sorted, at the commit. */
export class FoldedCollection implements CollectionWriter {
  readonly #trees: CollectionTrees;
  readonly #file: AppendFile;
  readonly #rows: CollectionRows;
  readonly #counts: CollectionCounts;
  readonly #touched: OpenBlocks;
  readonly #patch = new ByteWriter(4096);
  #recent = new Map<string, State>();
  #earlier = new Map<string, State>();
  #recentBytes = 0;
  #changed: State[] = [];
  #fullLists: [TreeKey, Buffer][] = [];
  /** The event that is being folded. */
  offset = 0;
  /** Roughly what the commit will have to write. */
  pendingBytes = 0;

  constructor(definition: CollectionDefinition, trees: CollectionTrees, file: AppendFile) {
    this.#trees = trees;
    this.#file = file;
    this.#rows = new CollectionRows(definition, trees);
    this.#counts = new CollectionCounts(definition, trees);
    this.#touched = new OpenBlocks(trees.touched);
  }

  get file(): AppendFile {
    return this.#file;
  }

  get(key: string): Document | null {
    return this.#documentOf(this.#state(key));
  }

  put(key: string, document: Document): void {
    this.#change(this.#state(key), document, documentBytes(document));
  }

  delete(key: string): void {
    const state = this.#state(key);
    if (state.bytes !== null) this.#change(state, null, null);
  }

  /** Before the write transaction: what its rows point to must be there first. */
  flush(): void {
    this.#file.flush();
  }

  /** Within a write transaction. A document's fingerprint would be computed here: once a batch, however often it changed. */
  commit(): void {
    const { heads, older } = this.#trees;
    for (const [key, bytes] of this.#fullLists) older.put(key, bytes);
    const list = new ByteWriter(512);
    // In key order, because a page is then copied once.
    this.#changed.sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const state of this.#changed) {
      list.clear();
      writeVersions(state.versions, state.hasOlder, list);
      heads.put(state.key, list.view());
    }
    this.#rows.commit();
    this.#counts.commit();
    this.#touched.commit();
  }

  /** After the commit. */
  committed(): void {
    for (const state of this.#changed) state.changed = false;
    this.#changed = [];
    this.#fullLists = [];
    this.pendingBytes = 0;
    if (this.#recentBytes <= CACHE_BYTES_MAX) return;
    this.#earlier = this.#recent;
    this.#recent = new Map();
    this.#recentBytes = 0;
  }

  #change(state: State, document: Document | null, bytes: Buffer | null): void {
    if (bytes !== null && state.bytes !== null && bytes.equals(state.bytes)) return;
    const before = this.#documentOf(state);
    this.#rows.change(state.key, before, document, this.offset);
    this.#counts.change(before, document, this.offset);
    this.#addVersion(state, bytes);
    state.document = state.isMetAgain ? document : null;
    state.bytes = bytes;
    this.#recentBytes += bytes?.length ?? 0;
    this.pendingBytes += VERSION_OVERHEAD_BYTES + (bytes?.length ?? 0);
    if (!state.changed) {
      state.changed = true;
      this.#changed.push(state);
    }
  }

  #addVersion(state: State, bytes: Buffer | null): void {
    const last = state.versions.at(-1);
    if (last?.offset === this.offset) {
      // The event's last word counts: what it wrote first was never the state at any position.
      state.versions.pop();
      if (last.kind === WHOLE) state.base = null;
    } else {
      const touched = this.#touched.at('', this.offset);
      touched.varint(state.key.length);
      touched.latin1(state.key);
      if (state.versions.length === VERSIONS_MAX) this.#moveToOlder(state);
    }
    state.versions.push(this.#store(state, bytes));
  }

  #store(state: State, bytes: Buffer | null): VersionEntry {
    const { offset } = this;
    if (bytes === null) {
      state.base = null;
      return { offset, pointer: this.#file.end, length: 0, kind: DELETED };
    }
    const base = this.#base(state);
    if (base !== null) {
      this.#patch.clear();
      writePatch(base, bytes, this.#patch);
      const patch = this.#patch.view();
      if (patch.length <= base.length * PATCH_PART_MAX) {
        return { offset, pointer: this.#file.append(patch), length: patch.length, kind: PATCH };
      }
    }
    state.base = bytes;
    return { offset, pointer: this.#file.append(bytes), length: bytes.length, kind: WHOLE };
  }

  /** The last whole version in the list, unless a deletion or the list's start stands before it. */
  #base(state: State): Buffer | null {
    if (state.base !== null) return state.base;
    const whole = baseOf(state.versions);
    if (whole !== null) state.base = this.#file.read(whole.pointer, whole.length);
    return state.base;
  }

  #moveToOlder(state: State): void {
    const list = new ByteWriter(512);
    writeVersions(state.versions, state.hasOlder, list);
    this.#fullLists.push([`${state.key}\0${offsetKey(state.versions[0]!.offset)}`, list.view()]);
    state.versions = [];
    state.hasOlder = true;
    state.base = null;
  }

  #state(key: string): State {
    let state = this.#recent.get(key);
    if (state === undefined) {
      state = this.#earlier.get(key) ?? this.#load(key);
      this.#recent.set(key, state);
      this.#recentBytes += VERSION_OVERHEAD_BYTES + (state.bytes?.length ?? 0);
    }
    if (state.metAt !== this.offset) state.isMetAgain = state.metAt !== NEVER;
    state.metAt = this.offset;
    return state;
  }

  #load(name: string): State {
    const key = documentKey(name);
    const state: State = {
      key,
      bytes: null,
      document: null,
      base: null,
      versions: [],
      hasOlder: false,
      changed: false,
      metAt: NEVER,
      isMetAgain: false,
    };
    const head = this.#trees.heads.get(key);
    if (head === undefined) return state;
    const { versions, hasOlder } = readVersions(head);
    state.versions = versions;
    state.hasOlder = hasOlder;
    const last = versions.at(-1)!;
    if (last.kind === DELETED) return state;
    const whole = last.kind === WHOLE ? last : baseOf(versions)!;
    state.base = this.#file.read(whole.pointer, whole.length);
    state.bytes = last === whole ? state.base : applyPatch(state.base, this.#file.read(last.pointer, last.length));
    return state;
  }

  /** Parsed once an event at least: a fold reads a document and then changes it. */
  #documentOf(state: State): Document | null {
    if (state.bytes !== null) state.document ??= documentOf(state.bytes);
    return state.document;
  }
}

function baseOf(versions: readonly VersionEntry[]): VersionEntry | null {
  for (let at = versions.length - 1; at >= 0; at--) {
    if (versions[at]!.kind === WHOLE) return versions[at]!;
    if (versions[at]!.kind === DELETED) return null;
  }
  return null;
}
