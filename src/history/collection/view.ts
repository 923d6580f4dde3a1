import { setImmediate } from 'node:timers/promises';
import { assert } from '../../assert.ts';
import { errors } from '../../errors.ts';
import type {
  ChangeCounts,
  ChangePage,
  ChangesQuery,
  CollectionView,
  DocumentChange,
  DocumentVersion,
  Fingerprint,
  ListQuery,
  Page,
  Version,
  VersionPage,
} from '../db.ts';
import type { ReadableCollection } from '../folding/read-store.ts';
import type { ReadingPoint } from '../folding/reading-point.ts';
import type { CollectionDefinition } from '../projection.ts';
import { readCursor, writeCursor } from '../storage/cursor.ts';
import {
  documentKey,
  keyOffset,
  offsetKey,
  prefixEnd,
  sortPart,
  sortPartEnd,
  type TreeKey,
  textKey,
  valuePart,
} from '../storage/tree-key.ts';
import { type ChangeWalk, walkSome } from './changes.ts';
import { countAt, countKey, currentCount } from './counts.ts';
import { fingerprintOf } from './fingerprint.ts';
import { listRows } from './list.ts';
import { type CollectionTrees, FIRST_DOCUMENT, ordinal } from './trees.ts';
import type { VersionReader } from './version-reader.ts';

/** Rows that one page looks at, however few pass its filter. */
export const SCAN_ROWS_MAX = 10_000;
/** Changes that are looked at before other work of the thread goes on. */
const TURN_ROWS = 1_000;

/** Above what a row's past rows add to it, below what a longer key does. */
const AFTER_PAST = '\x01';

type LookedAtRow = {
  readonly row: TreeKey;
  readonly version: () => Version | null;
  readonly cursor: () => string;
};

/** What is read of a collection, and from where. `point` gives the newest commit at the time of each read. */
export class ReadCollection implements CollectionView {
  readonly #definition: CollectionDefinition;
  readonly #trees: CollectionTrees;
  readonly #versions: VersionReader;
  readonly #fingerprintAt: ReadableCollection['fingerprintAt'];
  readonly #point: () => ReadingPoint;

  constructor({ definition, trees, versions, fingerprintAt }: ReadableCollection, point: () => ReadingPoint) {
    this.#definition = definition;
    this.#trees = trees;
    this.#versions = versions;
    this.#fingerprintAt = fingerprintAt;
    this.#point = point;
  }

  get(key: string): Version | null {
    const { offset, snapshot } = this.#point();
    return isKey(key) ? this.#versions.get(documentKey(key), offset, snapshot) : null;
  }

  lastChange(key: string): number {
    const { offset, snapshot } = this.#point();
    if (!isKey(key)) return 0;
    return this.#versions.find(documentKey(key), offset, snapshot)?.entry.offset ?? 0;
  }

  list(query: ListQuery): Page {
    const { index, value, descending = false } = query;
    const at = ordinal(this.#definition.indexes, index);
    assert(at >= 0, `the collection ${this.#definition.name} has an index ${index}`);
    const prefix = String.fromCharCode(at) + valuePart(value);
    let low = prefix;
    let high = prefixEnd(prefix);
    if (query.sortAfter !== undefined) low = prefixEnd(prefix + sortPart(query.sortAfter));
    if (query.sortBefore !== undefined) high = prefix + sortPart(query.sortBefore);

    const name = JSON.stringify([this.#definition.name, index, value, descending]);
    const { point, last } = this.#resume(name, query.cursor);
    if (last !== null && descending) high = minimum(high, prefix + last);
    if (last !== null && !descending) low = maximum(low, `${prefix}${last}${AFTER_PAST}`);

    const rows = listRows(this.#trees, { low, high, descending }, point);
    return this.#page(rows, query, ({ row, held }) => ({
      row,
      version: () =>
        held ? this.#versions.get(row.slice(sortPartEnd(row, prefix.length)), point.offset, point.snapshot) : null,
      cursor: () => writeCursor(name, { offset: point.offset, last: row.slice(prefix.length) }),
    }));
  }

  scan(query: { prefix: string; limit: number; cursor?: string; descending?: boolean }): Page {
    const { descending = false } = query;
    const prefix = textKey(query.prefix);
    const name = JSON.stringify([this.#definition.name, query.prefix, descending]);
    const { point, last } = this.#resume(name, query.cursor);
    // A cursor narrows the range, whoever made it: it never leads out of it.
    let low = maximum(prefix, FIRST_DOCUMENT);
    let high = prefixEnd(prefix);
    if (last !== null && descending) high = minimum(high, last);
    if (last !== null && !descending) low = maximum(low, `${last}\0`);

    const rows = this.#trees.heads.range({ low, high, descending }, point.snapshot);
    return this.#page(rows, query, ({ key, value }) => ({
      row: key,
      version: () => {
        const found = this.#versions.findIn(value, key, point.offset, point.snapshot);
        return found === null ? null : this.#versions.version(key, found);
      },
      cursor: () => writeCursor(name, { offset: point.offset, last: key }),
    }));
  }

  count(counter: string, value: string): number {
    const at = ordinal(this.#definition.counters, counter);
    assert(at >= 0, `the collection ${this.#definition.name} has a counter ${counter}`);
    const { offset, snapshot, committed } = this.#point();
    const key = countKey(at, value);
    return offset === committed
      ? currentCount(this.#trees, key, snapshot)
      : countAt(this.#trees, key, offset, snapshot);
  }

  isErased(key: string): boolean {
    return isKey(key) && this.#versions.isErased(documentKey(key), this.#point().snapshot);
  }

  versions({ key, limit, cursor }: { key: string; limit: number; cursor?: string }): VersionPage {
    const name = JSON.stringify([this.#definition.name, 'versions', key]);
    const { point, last } = this.#resume(name, cursor);
    const items: DocumentVersion[] = [];
    if (!isKey(key)) return { items, next: null };
    const newest = last === null ? point.offset : Math.min(point.offset, keyOffset(last) - 1);
    for (const found of this.#versions.history(documentKey(key), newest, point.snapshot)) {
      if (items.length === limit) {
        const { offset } = items.at(-1)!;
        return { items, next: writeCursor(name, { offset: point.offset, last: offsetKey(offset) }) };
      }
      items.push({ key, offset: found.entry.offset, bytes: this.#versions.bytes(found) });
    }
    return { items, next: null };
  }

  changes({ from, prefix = '', documents = true, limit, cursor }: ChangesQuery): ChangePage {
    const name = JSON.stringify([this.#definition.name, 'changes', from, prefix]);
    const { point, last } = this.#resume(name, cursor);
    const walk = { from, prefix: textKey(prefix), after: last, documents };
    const items: DocumentChange[] = [];
    const looking = { limit, lookedMax: SCAN_ROWS_MAX };
    const next = walkSome(this.#trees, this.#versions, walk, point, looking, (change) => items.push(change));
    return { items, next: next === null ? null : writeCursor(name, { offset: point.offset, last: next }) };
  }

  async changeCounts({ from, prefix = '' }: { from: number; prefix?: string }): Promise<ChangeCounts> {
    const counts = { added: 0, removed: 0, changed: 0 };
    let after: TreeKey | null = null;
    do {
      const walk: ChangeWalk = { from, prefix: textKey(prefix), after, documents: false };
      const looking = { limit: TURN_ROWS, lookedMax: TURN_ROWS };
      after = walkSome(this.#trees, this.#versions, walk, this.#point(), looking, ({ change }) => {
        counts[change] += 1;
      });
      if (after !== null) await setImmediate();
    } while (after !== null);
    return counts;
  }

  async fingerprint(): Promise<Fingerprint> {
    const { offset, snapshot } = this.#point();
    const known = this.#fingerprintAt(offset, snapshot);
    return known ?? (await fingerprintOf(this.#definition.name, this.#trees, this.#versions, this.#point));
  }

  /** Looks at rows until the page is full, or as many rows were looked at as a page may. */
  #page<Row>(
    rows: Iterable<Row>,
    { limit, where }: Pick<ListQuery, 'limit' | 'where'>,
    read: (row: Row) => LookedAtRow,
  ): Page {
    const items: Version[] = [];
    let last: LookedAtRow | null = null;
    let looked = 0;
    for (const each of rows) {
      const row = read(each);
      const isFull = items.length === limit || looked >= SCAN_ROWS_MAX;
      if (isFull && last !== null && row.row !== last.row) return { items, next: last.cursor() };
      const version = row.version();
      if (version !== null && (where === undefined || where(version.bytes))) items.push(version);
      last = row;
      looked += 1;
    }
    return { items, next: null };
  }

  #resume(query: string, token: string | undefined): { readonly point: ReadingPoint; readonly last: TreeKey | null } {
    const point = this.#point();
    if (token === undefined) return { point, last: null };
    const { offset, last } = readCursor(query, token);
    if (offset > point.committed) {
      throw errors.error('history.not-yet', `the cursor is of position ${offset}; ${point.committed} is folded`);
    }
    return { point: { ...point, offset }, last };
  }
}

function isKey(key: string): boolean {
  return key.length > 0 && key.length < 256 && !key.includes('\0') && Buffer.byteLength(key) < 256;
}

function minimum(a: TreeKey, b: TreeKey): TreeKey {
  return a < b ? a : b;
}

function maximum(a: TreeKey, b: TreeKey): TreeKey {
  return a > b ? a : b;
}
