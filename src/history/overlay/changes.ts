import type { ChangeCounts, ChangePage, ChangesQuery, CollectionView, DocumentChange, Version } from '../db.ts';
import { readOverlayCursor, writeOverlayCursor } from './cursor.ts';
import type { OverlayVersions } from './versions.ts';

type Below = { readonly documents: CollectionView; readonly offset: number };

/** Changes below that stand, then those of the overlay, in the order of their last touches. */
export function overlayChanges(query: ChangesQuery, versions: OverlayVersions, below: Below): ChangePage {
  const { from, limit, cursor, documents = true } = query;
  const at = readOverlayCursor(cursor);
  if (from < below.offset && at.last === null) {
    const { cursor: _, ...asked } = query;
    const page = below.documents.changes({ ...asked, ...(at.below !== null && { cursor: at.below }) });
    const next = page.next === null ? { below: null, last: '0' } : { below: page.next, last: null };
    return { items: page.items.filter(({ key }) => !versions.has(key)), next: writeOverlayCursor(next) };
  }
  const own = ownChanges(query, versions);
  const first = Number(at.last ?? 0);
  const items = own.slice(first, first + limit);
  const last = first + items.length;
  return {
    items: documents ? items : items.map((change) => ({ ...change, before: null, after: null })),
    next: last < own.length ? writeOverlayCursor({ below: null, last: String(last) }) : null,
  };
}

export async function overlayChangeCounts(
  query: { readonly from: number; readonly prefix?: string },
  versions: OverlayVersions,
  below: Below,
): Promise<ChangeCounts> {
  const counts = { added: 0, removed: 0, changed: 0 };
  for (const { change } of ownChanges(query, versions)) counts[change] += 1;
  if (query.from >= below.offset) return counts;
  const before = await below.documents.changeCounts(query);
  // What the overlay touched is counted as it is now, not as it was below.
  const stale = { added: 0, removed: 0, changed: 0 };
  for (const key of versions.keys()) {
    if (!key.startsWith(query.prefix ?? '')) continue;
    const change = differs(versions.below(key, query.from), versions.below(key, below.offset));
    if (change !== null) stale[change] += 1;
  }
  return {
    added: counts.added + before.added - stale.added,
    removed: counts.removed + before.removed - stale.removed,
    changed: counts.changed + before.changed - stale.changed,
  };
}

function ownChanges({ from, prefix = '' }: Pick<ChangesQuery, 'from' | 'prefix'>, versions: OverlayVersions) {
  const changes: DocumentChange[] = [];
  for (const key of versions.keys()) {
    const change = key.startsWith(prefix) ? changeOf(key, versions, from) : null;
    if (change !== null) changes.push(change);
  }
  return changes.sort((a, b) => a.offset - b.offset || (a.key < b.key ? -1 : 1));
}

function changeOf(key: string, versions: OverlayVersions, from: number): DocumentChange | null {
  const offset = versions.lastChange(key);
  const erasure = versions.erasure(key);
  if (erasure !== null) {
    return erasure.wasThere && offset > from ? { key, change: 'removed', before: null, after: null, offset } : null;
  }
  const [before, after] = [versions.at(key, from), versions.current(key)];
  const change = differs(before, after);
  return change === null ? null : { key, change, before, after, offset };
}

function differs(before: Version | null, after: Version | null): DocumentChange['change'] | null {
  if (before === null) return after === null ? null : 'added';
  if (after === null) return 'removed';
  return before.bytes.equals(after.bytes) ? null : 'changed';
}
