import type { Document } from '../projection.ts';
import type { AppendFile } from '../storage/append-file.ts';
import { applyPatch } from '../storage/byte-patch.ts';
import { documentKey, type TreeKey } from '../storage/tree-key.ts';
import { documentOf } from './document-bytes.ts';
import type { CollectionTrees } from './trees.ts';
import { baseOf, ERASED, isRecord, readVersions, type VersionEntry, WHOLE } from './version-list.ts';

/** Bytes of documents in one generation of the cache; there are two. */
const CACHE_BYTES_MAX = 4 * 1024 * 1024;
/** What a document takes in memory beside its bytes. */
const OVERHEAD_BYTES = 512;

/** No event's offset. */
const NEVER = -1;

/**
 * A document as the fold knows it, with what the next commit writes. Most are met once in a long while, so what takes much
 * memory is kept in bytes, and parsed objects only of documents that are met again.
 */
export type FoldedDocument = {
  readonly key: TreeKey;
  /** Canonical bytes; `null` where there is no document. */
  bytes: Buffer | null;
  /** What `bytes` says, once it was parsed, of documents that are met again. */
  document: Document | null;
  /** The last whole version's bytes, read when a patch is made. */
  base: Buffer | null;
  /** What `bytes` was before the event that changed it last; `null` after the commit. */
  before: Buffer | null;
  /** What the fingerprint has of the document, once it was needed; `null` where it has nothing. */
  hash: Buffer | null;
  versions: VersionEntry[];
  hasOlder: boolean;
  changed: boolean;
  /** Offset of the event that last asked for it. */
  metAt: number;
  /** Offset of the event that last touched it. */
  touchedAt: number;
  isMetAgain: boolean;
};

/** The documents of one collection that the fold met lately; others are loaded. */
export class FoldedDocuments {
  readonly #trees: CollectionTrees;
  readonly #file: AppendFile;
  #recent = new Map<string, FoldedDocument>();
  #earlier = new Map<string, FoldedDocument>();
  #recentBytes = 0;

  constructor(trees: CollectionTrees, file: AppendFile) {
    this.#trees = trees;
    this.#file = file;
  }

  /** For the event at `offset`. */
  meet(key: string, offset: number): FoldedDocument {
    return this.find(key, offset) ?? this.#keep(key, noDocument(documentKey(key)), offset);
  }

  /** As `meet`, but `null` for what never was there: many are only asked for, and nothing is kept of those. */
  find(key: string, offset: number): FoldedDocument | null {
    const recent = this.#recent.get(key);
    const state = recent ?? this.#earlier.get(key) ?? this.#load(documentKey(key));
    return state === null ? null : this.#keep(key, state, offset, recent === undefined);
  }

  #keep(key: string, state: FoldedDocument, offset: number, isNew = true): FoldedDocument {
    if (isNew) {
      this.#recent.set(key, state);
      this.#recentBytes += OVERHEAD_BYTES + (state.bytes?.length ?? 0);
    }
    if (state.metAt !== offset) state.isMetAgain = state.metAt !== NEVER;
    state.metAt = offset;
    return state;
  }

  grew(bytes: number): void {
    this.#recentBytes += bytes;
  }

  /** After a commit: then none of them has changed. */
  trim(): void {
    if (this.#recentBytes <= CACHE_BYTES_MAX) return;
    this.#earlier = this.#recent;
    this.#recent = new Map();
    this.#recentBytes = 0;
  }

  #load(key: TreeKey): FoldedDocument | null {
    const head = this.#trees.heads.get(key);
    if (head === undefined) return null;
    const state = noDocument(key);
    const { versions, hasOlder } = readVersions(head);
    state.versions = versions;
    state.hasOlder = hasOlder;
    const last = versions.at(-1);
    if (last === undefined || !isRecord(last)) return state;
    const whole = last.kind === WHOLE ? last : baseOf(versions)!;
    state.base = this.#file.read(whole.pointer, whole.length);
    state.bytes = last === whole ? state.base : applyPatch(state.base, this.#file.read(last.pointer, last.length));
    return state;
  }
}

/** Parsed once an event at least: a fold reads a document and then changes it. */
export function parsedDocument(state: FoldedDocument): Document | null {
  if (state.bytes !== null) state.document ??= documentOf(state.bytes);
  return state.document;
}

export function isErased({ versions }: FoldedDocument): boolean {
  return versions.at(-1)?.kind === ERASED;
}

function noDocument(key: TreeKey): FoldedDocument {
  return {
    key,
    bytes: null,
    document: null,
    base: null,
    before: null,
    hash: null,
    versions: [],
    hasOlder: false,
    changed: false,
    metAt: NEVER,
    touchedAt: NEVER,
    isMetAgain: false,
  };
}
