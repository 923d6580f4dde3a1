import { readPastRowKey } from './collection-rows.ts';
import type { CollectionTrees } from './collection-trees.ts';
import type { ReadingPoint } from './reading-point.ts';
import type { RowRange } from './tree.ts';
import { OFFSET_BYTES, type TreeKey } from './tree-key.ts';

/** A row that was looked at. Several may have the same `row`, of which one at most `held`. */
export type LookedAt = { readonly row: TreeKey; readonly held: boolean };

/** The rows of an index in order, and whether they held at the point. Current lists pay nothing for history. */
export function listRows(trees: CollectionTrees, range: RowRange, point: ReadingPoint): Iterable<LookedAt> {
  if (point.offset === point.committed) return currentRows(trees, range, point);
  return merged(rowsSince(trees, range, point), pastRows(trees, range, point), range.descending ?? false);
}

function* currentRows(trees: CollectionTrees, range: RowRange, { snapshot }: ReadingPoint): Iterable<LookedAt> {
  for (const { key } of trees.rows.range(range, snapshot)) yield { row: key, held: true };
}

/** What holds still, if it held then. */
function* rowsSince(trees: CollectionTrees, range: RowRange, point: ReadingPoint): Iterable<LookedAt> {
  for (const { key, value } of trees.rows.range(range, point.snapshot)) {
    yield { row: key, held: value.readUIntBE(0, OFFSET_BYTES) <= point.offset };
  }
}

/** What ceased to hold, if it held then. */
function* pastRows(trees: CollectionTrees, range: RowRange, { offset, snapshot }: ReadingPoint): Iterable<LookedAt> {
  for (const { key, value } of trees.pastRows.range(range, snapshot)) {
    const { row, from } = readPastRowKey(key);
    // A descending range can begin among the past of the row that it excludes.
    if (row < range.high) yield { row, held: from <= offset && offset < value.readUIntBE(0, OFFSET_BYTES) };
  }
}

function* merged(a: Iterable<LookedAt>, b: Iterable<LookedAt>, descending: boolean): Iterable<LookedAt> {
  const others = b[Symbol.iterator]();
  let other = others.next();
  for (const each of a) {
    for (; !other.done && isBefore(other.value.row, each.row, descending); other = others.next()) yield other.value;
    yield each;
  }
  for (; !other.done; other = others.next()) yield other.value;
}

function isBefore(a: TreeKey, b: TreeKey, descending: boolean): boolean {
  return descending ? a > b : a < b;
}
