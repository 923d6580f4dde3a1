import { assert } from '../../assert.ts';
import type { CollectionDefinition, Document, IndexDefinition } from '../projection.ts';
import { OFFSET_BYTES, offsetKey, sortPart, type TreeKey, valuePart } from '../storage/tree-key.ts';
import type { CollectionTrees } from './trees.ts';

const REMOVED = -1;

/** From an offset on, up to another that is excluded. */
type Held = { readonly from: number; readonly to: number };

/**
 * The indexes of a collection, as the fold writes them. A row is index, value, sort and key. It stands in `rows` while it
 * holds, with the offset since when, and then moves to `pastRows`; a change that leaves value and sort alone writes nothing.
 */
export class CollectionRows {
  readonly #indexes: readonly IndexDefinition[];
  readonly #trees: CollectionTrees;
  /** Row -> the offset since which it holds, or REMOVED: what the next commit writes. */
  readonly #changed = new Map<TreeKey, number>();
  /** Row -> when it held, oldest first. */
  readonly #past = new Map<TreeKey, Held[]>();
  readonly #erased = new Set<TreeKey>();

  constructor(definition: CollectionDefinition, trees: CollectionTrees) {
    this.#indexes = Object.keys(definition.indexes)
      .sort()
      .map((name) => definition.indexes[name]!);
    this.#trees = trees;
  }

  /** At `offset` the document became another. */
  change(key: TreeKey, before: Document | null, after: Document | null, offset: number): void {
    if (this.#indexes.length === 0) return;
    const left = this.#rowsOf(key, before);
    const entered = this.#rowsOf(key, after);
    for (const row of left) if (!entered.includes(row)) this.#close(row, offset);
    for (const row of entered) if (!left.includes(row)) this.#changed.set(row, this.#reopened(row, offset) ?? offset);
  }

  /** Forgets that the document, as any of `documents`, ever stood in a row. */
  erase(key: TreeKey, documents: Iterable<Document>): void {
    for (const document of documents) {
      for (const row of this.#rowsOf(key, document)) {
        this.#changed.set(row, REMOVED);
        this.#past.delete(row);
        this.#erased.add(row);
      }
    }
  }

  /** The rows that a document stands in. Indexes often share their sort, which is then made once. */
  #rowsOf(key: TreeKey, document: Document | null): readonly TreeKey[] {
    if (document === null) return [];
    const rows: TreeKey[] = [];
    let sort: IndexDefinition['sort'] | null = null;
    let tail = '';
    for (let at = 0; at < this.#indexes.length; at++) {
      const index = this.#indexes[at]!;
      const value = index.value(document);
      if (value === null) continue;
      if (index.sort !== sort) {
        sort = index.sort;
        tail = sortPart(sort(document)) + key;
      }
      if (typeof value === 'string') {
        rows.push(String.fromCharCode(at) + valuePart(value) + tail);
        continue;
      }
      for (const single of value) {
        const row = String.fromCharCode(at) + valuePart(single) + tail;
        if (!rows.includes(row)) rows.push(row);
      }
    }
    return rows;
  }

  /** Within a write transaction. In key order, because a page is then copied once. */
  commit(): void {
    const { rows, pastRows } = this.#trees;
    const since = Buffer.allocUnsafe(OFFSET_BYTES);
    for (const row of [...this.#changed.keys()].sort()) {
      const from = this.#changed.get(row)!;
      if (from === REMOVED) rows.remove(row);
      else rows.put(row, writeOffset(since, from));
    }
    for (const row of [...this.#past.keys()].sort()) {
      for (const { from, to } of this.#past.get(row)!) pastRows.put(pastRowKey(row, from), writeOffset(since, to));
    }
    for (const row of this.#erased) pastRows.removeRange({ low: `${row}\0`, high: `${row}\x01` });
    this.#changed.clear();
    this.#past.clear();
    this.#erased.clear();
  }

  #close(row: TreeKey, offset: number): void {
    let from = this.#changed.get(row);
    if (from === undefined) {
      const since = this.#trees.rows.get(row);
      assert(since !== undefined, 'a document stands in the rows that it was put in');
      from = since.readUIntBE(0, OFFSET_BYTES);
    }
    assert(from !== REMOVED, 'a row is closed once');
    this.#changed.set(row, REMOVED);
    // A row that came and went within one event never held at any position.
    if (from === offset) return;
    const past = this.#past.get(row);
    if (past === undefined) this.#past.set(row, [{ from, to: offset }]);
    else past.push({ from, to: offset });
  }

  /** A row that was left and entered again within one event never ceased to hold: gives since when, and forgets the leaving. */
  #reopened(row: TreeKey, offset: number): number | null {
    const past = this.#past.get(row);
    if (past?.at(-1)?.to !== offset) return null;
    const { from } = past.pop()!;
    return from;
  }
}

function writeOffset(bytes: Buffer, offset: number): Buffer {
  bytes.writeUIntBE(offset, 0, OFFSET_BYTES);
  return bytes;
}

/** NUL stands between, so that past rows sort as their rows do: keys hold none. */
function pastRowKey(row: TreeKey, from: number): TreeKey {
  return `${row}\0${offsetKey(from)}`;
}

/** The row of a past row's key, which ends with the offset since which it held. */
export function pastRowOf(key: TreeKey): TreeKey {
  return key.slice(0, -OFFSET_BYTES - 1);
}
