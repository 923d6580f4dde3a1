import type { ReadingPoint } from '../folding/reading-point.ts';
import type { RowRange } from '../storage/tree.ts';
import { keyOffset, OFFSET_BYTES, type TreeKey } from '../storage/tree-key.ts';
import { pastRowOf } from './rows.ts';
import type { CollectionTrees } from './trees.ts';

/** Rows that did not hold count as one in so many of what a page looks at: they cost little. */
const PASSED_ROWS = 8;

/** A row that was looked at. Several may have the same `row`, of which one at most `held`. */
export type LookedAt = { readonly row: TreeKey; readonly held: boolean };

/** The rows of an index in order, and whether they held at the point. Current lists pay nothing for history. */
export function listRows(trees: CollectionTrees, range: RowRange, point: ReadingPoint): Iterable<LookedAt> {
  if (point.offset === point.committed) return currentRows(trees, range, point);
  return merged(rowsSince(trees, range, point), pastRows(trees, range, point), range.descending ?? false);
}

function* currentRows(trees: CollectionTrees, range: RowRange, { snapshot }: ReadingPoint): Iterable<LookedAt> {
  for (const row of trees.rows.keys(range, snapshot)) yield { row, held: true };
}

/** What holds still, if it held then. */
function* rowsSince(trees: CollectionTrees, range: RowRange, point: ReadingPoint): Iterable<LookedAt> {
  let passed = 0;
  for (const { key, value } of trees.rows.range(range, point.snapshot)) {
    const held = value.readUIntBE(0, OFFSET_BYTES) <= point.offset;
    if (!held && ++passed % PASSED_ROWS !== 0) continue;
    yield { row: key, held };
  }
}

/** What ceased to hold, if it held then. */
function* pastRows(trees: CollectionTrees, range: RowRange, { offset, snapshot }: ReadingPoint): Iterable<LookedAt> {
  let passed = 0;
  for (const { key, value } of trees.pastRows.range(range, snapshot)) {
    const held = keyOffset(key) <= offset && offset < value.readUIntBE(0, OFFSET_BYTES);
    if (!held && ++passed % PASSED_ROWS !== 0) continue;
    const row = pastRowOf(key);
    // A descending range can begin among the past of the row that it excludes.
    if (row < range.high) yield { row, held };
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
