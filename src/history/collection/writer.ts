import type { Fingerprint } from '../db.ts';
import { DocumentHasher, FingerprintSum } from '../fingerprint.ts';
import type { CollectionDefinition, CollectionWriter, Document } from '../projection.ts';
import type { AppendFile } from '../storage/append-file.ts';
import { CollectionCounts } from './counts.ts';
import { documentBytes } from './document-bytes.ts';
import { type FoldedDocument, FoldedDocuments, isErased, parsedDocument } from './folded-document.ts';
import { CollectionRows } from './rows.ts';
import { CollectionTouched } from './touched.ts';
import { type CollectionTrees, LAST_ERASURE } from './trees.ts';
import { VersionWriter } from './version-writer.ts';

/** What a version costs in memory until the commit, beside its bytes. */
const VERSION_OVERHEAD_BYTES = 512;

/** The fold's side of a collection: collects a batch in memory and writes it, sorted, at the commit. */
export class FoldedCollection implements CollectionWriter {
  readonly file: AppendFile;
  readonly #trees: CollectionTrees;
  readonly #documents: FoldedDocuments;
  readonly #versions: VersionWriter;
  readonly #rows: CollectionRows;
  readonly #counts: CollectionCounts;
  readonly #touched: CollectionTouched;
  readonly #hasher: DocumentHasher;
  readonly #fingerprint: FingerprintSum;
  #changed: FoldedDocument[] = [];
  /** The event that is being folded. */
  offset = 0;
  /** Roughly what the commit will have to write. */
  pendingBytes = 0;

  /** `fingerprint` is that of what the trees hold. */
  constructor(definition: CollectionDefinition, trees: CollectionTrees, file: AppendFile, fingerprint: Fingerprint) {
    this.file = file;
    this.#trees = trees;
    this.#documents = new FoldedDocuments(trees, file);
    this.#versions = new VersionWriter(trees, file);
    this.#rows = new CollectionRows(definition, trees);
    this.#counts = new CollectionCounts(definition, trees);
    this.#touched = new CollectionTouched(trees.touched);
    this.#hasher = new DocumentHasher(definition.name);
    this.#fingerprint = new FingerprintSum(fingerprint);
    this.#touched.documents = fingerprint.count;
  }

  /** Of what was committed last. */
  get fingerprint(): Fingerprint {
    return this.#fingerprint.value();
  }

  get(key: string): Document | null {
    const state = this.#documents.find(key, this.offset);
    return state === null ? null : parsedDocument(state);
  }

  put(key: string, document: Document): void {
    const state = this.#meet(key);
    if (!isErased(state)) this.#change(state, document, documentBytes(document));
  }

  delete(key: string): void {
    const state = this.#meet(key);
    if (state.bytes !== null) this.#change(state, null, null);
  }

  erase(key: string): void {
    const state = this.#meet(key);
    if (isErased(state)) return;
    this.#markChanged(state);
    this.#counts.change(parsedDocument(state), null, this.offset);
    this.#rows.erase(state.key, this.#versions.erase(state, this.offset));
    state.bytes = state.document = null;
    this.pendingBytes += VERSION_OVERHEAD_BYTES;
  }

  /** Before the write transaction. */
  flush(): void {
    this.#versions.flush();
  }

  /** Within a write transaction. */
  commit(): void {
    // In key order, because a page is then copied once.
    this.#changed.sort((a, b) => (a.key < b.key ? -1 : 1));
    const isSomeErased = this.#versions.commit(this.#changed);
    if (isSomeErased) this.#trees.heads.put(LAST_ERASURE, Buffer.from(String(this.offset)));
    for (const state of this.#changed) this.#fingerprintAgain(state);
    this.#rows.commit();
    this.#counts.commit();
    this.#touched.commit();
  }

  /** After the commit. */
  committed(): void {
    for (const state of this.#changed) {
      state.changed = false;
      state.before = null;
    }
    this.#changed = [];
    this.#versions.committed();
    this.#documents.trim();
    this.#touched.documents = this.#fingerprint.count;
    this.pendingBytes = 0;
  }

  #meet(key: string): FoldedDocument {
    return this.#documents.meet(key, this.offset);
  }

  #change(state: FoldedDocument, document: Document | null, bytes: Buffer | null): void {
    if (bytes !== null && state.bytes !== null && bytes.equals(state.bytes)) return;
    const before = parsedDocument(state);
    this.#markChanged(state);
    this.#rows.change(state.key, before, document, this.offset);
    this.#counts.change(before, document, this.offset);
    this.#versions.add(state, bytes, this.offset);
    state.document = state.isMetAgain ? document : null;
    state.bytes = bytes;
    this.#documents.grew(bytes?.length ?? 0);
    this.pendingBytes += VERSION_OVERHEAD_BYTES + (bytes?.length ?? 0);
  }

  #markChanged(state: FoldedDocument): void {
    if (state.touchedAt !== this.offset) {
      state.touchedAt = this.offset;
      this.#touched.add(state.key, this.offset);
    }
    if (state.changed) return;
    state.changed = true;
    this.#changed.push(state);
    // While the committed bytes are at hand.
    if (state.bytes !== null) state.hash ??= this.#hasher.hash(state.key, state.bytes);
  }

  /** Once a batch, however often the document changed. */
  #fingerprintAgain(state: FoldedDocument): void {
    if (state.hash !== null) this.#fingerprint.subtract(state.hash);
    state.hash = state.bytes === null ? null : this.#hasher.hash(state.key, state.bytes);
    if (state.hash !== null) this.#fingerprint.add(state.hash);
  }
}
