import type { DocumentChange } from '../db.ts';
import type { ReadingPoint } from '../folding/reading-point.ts';
import { keyOffset, keyText, OFFSET_BYTES, offsetKey, prefixEnd, type TreeKey } from '../storage/tree-key.ts';
import { countTouched, type TouchedPlace, visitTouched } from './touched.ts';
import { type CollectionTrees, FIRST_DOCUMENT } from './trees.ts';
import { ERASED, type FoundVersion, findChange, isRecord } from './version-list.ts';
import type { VersionReader } from './version-reader.ts';

/** Looks at what may differ between `from` and the point, in one of two orders; `after` is where an earlier walk ended. */
export type ChangeWalk = {
  readonly from: number;
  readonly prefix: TreeKey;
  readonly after: TreeKey | null;
  readonly documents: boolean;
};

/** Where to stop: after so many changes, or so many looked at. */
export type LookingLimits = { readonly limit: number; readonly lookedMax: number };

/** Walks up to the limits; gives the place to go on after when there is more to look at. */
export function walkSome(
  trees: CollectionTrees,
  versions: VersionReader,
  walk: ChangeWalk,
  point: ReadingPoint,
  { limit, lookedMax }: LookingLimits,
  visit: (change: DocumentChange) => void,
): TreeKey | null {
  let found = 0;
  let looked = 0;
  let last: (() => TreeKey) | null = null;
  let next: TreeKey | null = null;
  walkChanges(trees, versions, walk, point, (change, place) => {
    if (last !== null && (found === limit || looked === lookedMax)) {
      next = last();
      return false;
    }
    if (change !== null) {
      found += 1;
      visit(change);
    }
    looked += 1;
    last = place;
    return true;
  });
  return next;
}

/** What was looked at: a change, or `null` when nothing differs. Tells whether to go on; `place()` is what to go on after. */
type VisitChange = (change: DocumentChange | null, place: () => TreeKey) => boolean;

/** What a place begins with: the walk goes by touches or by keys to its end. */
const BY_TOUCHES = 't';
const BY_KEYS = 'k';

/**
 * Touches are walked in their order, and a key is told at its last one, so that no set of keys is kept. Where there are more
 * touches than documents, the documents are walked instead, in key order.
 */
function walkChanges(
  trees: CollectionTrees,
  versions: VersionReader,
  walk: ChangeWalk,
  point: ReadingPoint,
  visit: VisitChange,
): void {
  if (walk.after?.startsWith(BY_KEYS) ?? areMoreTouches(trees, walk, point))
    byKeys(trees, versions, walk, point, visit);
  else byTouches(trees, versions, walk, point, visit);
}

function areMoreTouches(
  { touched }: CollectionTrees,
  { from }: ChangeWalk,
  { offset, snapshot }: ReadingPoint,
): boolean {
  const { touches, documents } = countTouched(touched, from, offset, snapshot);
  return touches > documents;
}

function byTouches(
  trees: CollectionTrees,
  versions: VersionReader,
  { from, prefix, after, documents }: ChangeWalk,
  { offset: to, snapshot }: ReadingPoint,
  visit: VisitChange,
): void {
  const start = after === null ? { offset: from + 1, skip: 0 } : readPlace(after);
  visitTouched(trees.touched, start, to, snapshot, (key, place) => {
    const head = key.startsWith(prefix) ? trees.heads.get(key, snapshot) : undefined;
    const difference = head === undefined ? null : differenceIn(head, versions, { key, from, to, snapshot });
    // Only its last touch left the version that was found.
    const isLast = difference?.after?.entry.offset === place.offset;
    const change = isLast ? changeOf(difference, versions, documents) : null;
    return visit(change, () => BY_TOUCHES + offsetKey(place.offset) + offsetKey(place.skip));
  });
}

function byKeys(
  trees: CollectionTrees,
  versions: VersionReader,
  { from, prefix, after, documents }: ChangeWalk,
  { offset: to, snapshot }: ReadingPoint,
  visit: VisitChange,
): void {
  let low = after === null ? prefix : `${after.slice(BY_KEYS.length)}\0`;
  for (const least of [prefix, FIRST_DOCUMENT]) if (low < least) low = least;
  for (const { key, value } of trees.heads.range({ low, high: prefixEnd(prefix) }, snapshot)) {
    const difference = differenceIn(value, versions, { key, from, to, snapshot });
    const isTouched = (difference?.after?.entry.offset ?? 0) > from;
    const change = isTouched ? changeOf(difference, versions, documents) : null;
    if (!visit(change, () => BY_KEYS + key)) return;
  }
}

function readPlace(place: TreeKey): TouchedPlace {
  const offset = keyOffset(place, BY_TOUCHES.length);
  return { offset, skip: keyOffset(place, BY_TOUCHES.length + OFFSET_BYTES) };
}

type Difference = {
  readonly key: TreeKey;
  readonly before: FoundVersion | null;
  readonly after: FoundVersion | null;
  /** True when they are known to differ without reading them. */
  readonly isOne: boolean;
};

type DifferenceRange = Pick<Difference, 'key'> & Pick<ReadingPoint, 'snapshot'> & { from: number; to: number };

/** The document's versions at both ends, found in `head`, its row in the tree `heads`, or in older lists. */
function differenceIn(head: Buffer, versions: VersionReader, { key, from, to, snapshot }: DifferenceRange): Difference {
  const { before, after, isOne } = findChange(head, from, to);
  return {
    key,
    isOne,
    before: before === 'older' ? versions.findOlder(key, from, snapshot) : before,
    after: after === 'older' ? versions.findOlder(key, to, snapshot) : after,
  };
}

function changeOf(difference: Difference | null, versions: VersionReader, documents: boolean): DocumentChange | null {
  if (difference === null || difference.after === null) return null;
  const { key, before, after } = difference;
  const { offset } = after.entry;
  const wasThere = isDocument(before);
  const isThere = isDocument(after);
  const isErased = after.entry.kind === ERASED && after.entry.length > 0;
  if (!wasThere && !isThere && !isErased) return null;
  if (wasThere && isThere && isSame(difference, versions)) return null;
  const kinds = wasThere ? (isThere ? 'changed' : 'removed') : isThere ? 'added' : 'removed';
  return {
    key: keyText(key),
    change: kinds,
    before: documents ? versions.version(key, before) : null,
    after: documents ? versions.version(key, after) : null,
    offset,
  };
}

function isDocument(found: FoundVersion | null): boolean {
  return found !== null && isRecord(found.entry);
}

function isSame({ before, after, isOne }: Difference, versions: VersionReader): boolean {
  if (isOne || before === null || after === null) return false;
  const isLengthTheSame = before.entry.length === after.entry.length;
  // Patches of two documents against one base are as long as each other when the documents are the same.
  const areAlike = before.entry.kind === after.entry.kind && before.base?.pointer === after.base?.pointer;
  if (areAlike && !isLengthTheSame) return false;
  const bytes = versions.bytes(before);
  return bytes !== null && (versions.bytes(after)?.equals(bytes) ?? false);
}
