import { assert } from '../assert.ts';
import { errors } from '../errors.ts';
import { countAt, countKey, currentCount } from './collection-counts.ts';
import { listRows } from './collection-list.ts';
import { type CollectionTrees, ordinal } from './collection-trees.ts';
import { readCursor, writeCursor } from './cursor.ts';
import type { CollectionView, ListQuery, Page, Version } from './db.ts';
import type { CollectionDefinition } from './projection.ts';
import type { ReadingPoint } from './reading-point.ts';
import { documentKey, prefixEnd, sortPart, sortPartEnd, type TreeKey, textKey, valuePart } from './tree-key.ts';
import type { VersionReader } from './version-reader.ts';

/** Rows that one page looks at, however few pass its filter. */
export const SCAN_ROWS_MAX = 10_000;

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
  readonly #point: () => ReadingPoint;

  constructor(
    definition: CollectionDefinition,
    trees: CollectionTrees,
    versions: VersionReader,
    point: () => ReadingPoint,
  ) {
    this.#definition = definition;
    this.#trees = trees;
    this.#versions = versions;
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
    let low = prefix;
    let high = prefixEnd(prefix);
    if (last !== null && descending) high = last;
    if (last !== null && !descending) low = `${last}\0`;
    if (low === '') low = '\0';

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
