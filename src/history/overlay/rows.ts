import { documentOf } from '../collection/document-bytes.ts';
import type { ListQuery, Page, Version } from '../db.ts';
import type { IndexDefinition } from '../projection.ts';
import { documentKey, sortPart, type TreeKey } from '../storage/tree-key.ts';
import { readOverlayCursor, writeOverlayCursor } from './cursor.ts';

/** A document and where it stands in a list: rows compare as they lie in a tree. */
export type Row = { readonly row: TreeKey; readonly version: Version };

/** Where a document stands among those of one value. */
export function listRow({ sort }: IndexDefinition, version: Version): TreeKey {
  return sortPart(sort(documentOf(version.bytes))) + documentKey(version.key);
}

/** Whether a list has the document, its filter included. */
export function isListed({ value, sort }: IndexDefinition, query: ListQuery, { bytes }: Version): boolean {
  const document = documentOf(bytes);
  const values = value(document);
  if (values === null || !(typeof values === 'string' ? values === query.value : values.includes(query.value))) {
    return false;
  }
  const at = sortPart(sort(document));
  const { sortAfter, sortBefore, where } = query;
  return (
    (sortAfter === undefined || at > sortPart(sortAfter)) &&
    (sortBefore === undefined || at < sortPart(sortBefore)) &&
    (where === undefined || where(bytes))
  );
}

type Merging = {
  readonly limit: number;
  readonly cursor?: string;
  readonly descending?: boolean;
  /** A page of what lies below. */
  readonly below: (cursor: string | null) => Page;
  readonly rowOf: (version: Version) => TreeKey;
  /** Documents below that the overlay tells instead. */
  readonly isHidden: (key: string) => boolean;
  /** What the overlay tells, in any order. */
  readonly own: readonly Row[];
};

/** One page of what lies below with the overlay's own rows among it. It may hold fewer than `limit` and have a next one. */
export function mergedPage({ limit, cursor, descending = false, below, rowOf, isHidden, own }: Merging): Page {
  const order = (a: TreeKey, b: TreeKey) => (a === b ? 0 : a < b === descending ? 1 : -1);
  const from = readOverlayCursor(cursor);
  const page = below(from.below);
  const end = page.items.at(-1);
  // Rows of the overlay wait until the pages below have come as far.
  const reached = page.next === null ? null : end === undefined ? from.last : rowOf(end);
  const isReached = (row: TreeKey) => page.next === null || (reached !== null && order(row, reached) <= 0);
  const isToCome = (row: TreeKey) => from.last === null || order(row, from.last) > 0;

  const rows = page.items.filter(({ key }) => !isHidden(key)).map((version) => ({ row: rowOf(version), version }));
  const merged = [...rows, ...own.filter(({ row }) => isReached(row))]
    .filter(({ row }) => isToCome(row))
    .sort((a, b) => order(a.row, b.row));
  const items = merged.slice(0, limit).map(({ version }) => version);
  if (merged.length > limit) {
    return { items, next: writeOverlayCursor({ below: from.below, last: merged[limit - 1]!.row }) };
  }
  return { items, next: page.next === null ? null : writeOverlayCursor({ below: page.next, last: reached }) };
}
