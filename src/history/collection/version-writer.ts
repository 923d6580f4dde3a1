import type { Document } from '../projection.ts';
import type { AppendFile } from '../storage/append-file.ts';
import { ByteWriter } from '../storage/byte-codec.ts';
import { applyPatch, writePatch } from '../storage/byte-patch.ts';
import { offsetKey, type TreeKey } from '../storage/tree-key.ts';
import { documentOf } from './document-bytes.ts';
import type { FoldedDocument } from './folded-document.ts';
import type { CollectionTrees } from './trees.ts';
import { VersionErasure } from './version-erasure.ts';
import {
  baseOf,
  DELETED,
  ERASED,
  isRecord,
  PATCH,
  readVersions,
  VERSIONS_MAX,
  type VersionEntry,
  WHOLE,
  writeVersions,
} from './version-list.ts';

/** A patch larger than this part of its base is kept as a whole version. */
const PATCH_PART_MAX = 0.5;

/** A list of versions that is to move to the tree `older`. */
type FullList = { readonly key: TreeKey; readonly first: number; readonly bytes: Buffer };

/** Writes versions of documents into the version file, and the lists that say where they lie. */
export class VersionWriter {
  readonly #trees: CollectionTrees;
  readonly #file: AppendFile;
  readonly #erasure: VersionErasure;
  readonly #patch = new ByteWriter(4096);
  #fullLists: FullList[] = [];
  #erased: TreeKey[] = [];

  constructor(trees: CollectionTrees, file: AppendFile) {
    this.#trees = trees;
    this.#file = file;
    this.#erasure = new VersionErasure(file.reader.name);
  }

  /** The document's version as the event at `offset` makes it; `state.bytes` is still what it was. */
  add(state: FoldedDocument, bytes: Buffer | null, offset: number): void {
    const last = state.versions.at(-1);
    if (last?.offset === offset) {
      // The event's last word counts: what it wrote first was never the state at any position.
      this.#takeBack(state, last);
      if (isSame(bytes, state.before)) return;
    } else state.before = state.bytes;
    if (state.versions.length === VERSIONS_MAX) this.#moveToOlder(state);
    state.versions.push(this.#store(state, bytes, offset));
  }

  /** Every document that there was under the key, with the versions that the event at `offset` destroys. */
  *erase(state: FoldedDocument, offset: number): Iterable<Document> {
    const lists = this.#everyList(state);
    for (const versions of lists) yield* this.#documentsOf(versions);
    this.#erasure.add(offset, lists.flat().filter(isRecord));
    this.#erased.push(state.key);
    this.#fullLists = this.#fullLists.filter((list) => list.key !== state.key);
    state.versions = [{ offset, pointer: 0, length: state.bytes === null ? 0 : 1, kind: ERASED }];
    state.hasOlder = false;
    state.base = state.before = null;
  }

  /** Before the write transaction: what its rows point to must be there first. */
  flush(): void {
    this.#file.flush();
    this.#erasure.prepare();
  }

  /** Within a write transaction; of documents that changed, in key order. True when something was erased. */
  commit(changed: readonly FoldedDocument[]): boolean {
    const { heads, older } = this.#trees;
    for (const { key, first, bytes } of this.#fullLists) older.put(`${key}\0${offsetKey(first)}`, bytes);
    for (const key of this.#erased) older.removeRange({ low: `${key}\0`, high: `${key}\x01` });
    const list = new ByteWriter(512);
    for (const { key, versions, hasOlder } of changed) {
      list.clear();
      writeVersions(versions, hasOlder, list);
      heads.put(key, list.view());
    }
    return this.#erased.length > 0;
  }

  /** After the commit. */
  committed(): void {
    this.#fullLists = [];
    this.#erased = [];
    this.#erasure.finish();
  }

  #store(state: FoldedDocument, bytes: Buffer | null, offset: number): VersionEntry {
    if (bytes === null) {
      state.base = null;
      return { offset, pointer: state.versions.at(-1)?.pointer ?? 0, length: 0, kind: DELETED };
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
  #base(state: FoldedDocument): Buffer | null {
    if (state.base !== null) return state.base;
    const whole = baseOf(state.versions);
    if (whole !== null) state.base = this.#file.read(whole.pointer, whole.length);
    return state.base;
  }

  /** Its record must not stay where nothing would find it when the document is erased. */
  #takeBack(state: FoldedDocument, last: VersionEntry): void {
    state.versions.pop();
    if (last.kind === WHOLE) state.base = null;
    if (isRecord(last) && !this.#file.takeBack(last)) this.#erasure.add(last.offset, [last]);
    if (state.versions.length === 0 && state.hasOlder) this.#moveBack(state);
  }

  #moveToOlder(state: FoldedDocument): void {
    const list = new ByteWriter(512);
    writeVersions(state.versions, state.hasOlder, list);
    this.#fullLists.push({ key: state.key, first: state.versions[0]!.offset, bytes: list.view() });
    state.versions = [];
    state.hasOlder = true;
    state.base = null;
  }

  /** What the event moved, whose version is taken back. */
  #moveBack(state: FoldedDocument): void {
    const at = this.#fullLists.findLastIndex(({ key }) => key === state.key);
    const [list] = this.#fullLists.splice(at, 1);
    const { versions, hasOlder } = readVersions(list!.bytes);
    state.versions = versions;
    state.hasOlder = hasOlder;
    state.base = null;
  }

  /** The lists of all versions, committed or not, each oldest first. */
  #everyList({ key, versions }: FoldedDocument): readonly (readonly VersionEntry[])[] {
    const older = this.#trees.older.range({ low: `${key}\0`, high: `${key}\x01` });
    const committed = Array.from(older, ({ value }) => readVersions(value).versions);
    const full = this.#fullLists.filter((list) => list.key === key).map(({ bytes }) => readVersions(bytes).versions);
    return [...committed, ...full, versions];
  }

  *#documentsOf(versions: readonly VersionEntry[]): Iterable<Document> {
    let base: Buffer | null = null;
    for (const entry of versions) {
      if (!isRecord(entry)) continue;
      const record = this.#file.read(entry.pointer, entry.length);
      if (entry.kind === WHOLE) base = record;
      yield documentOf(entry.kind === PATCH && base !== null ? applyPatch(base, record) : record);
    }
  }
}

function isSame(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
