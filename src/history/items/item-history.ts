import { isDeepStrictEqual } from 'node:util';
import type { CollectionView, DocumentVersion } from '../db.ts';
import type { Item, ItemDefinition, Showing } from './items.ts';

/** One version of an item, and the event that made it. */
export type ItemVersion = {
  readonly position: string;
  /** The event's number within its stream. */
  readonly revision: number;
  readonly at: string;
  readonly actor: string;
  readonly type: string;
  /** The top-level fields that differ from the version before, by name; all of the first's. */
  readonly changed: readonly string[];
  /** The item as it then was; `null` where it was deleted. */
  readonly value: Item | null;
};

export type ItemVersions = { readonly items: readonly ItemVersion[]; readonly next: string | null };

/** Versions of an item up to the view's position, newest first. `limit` is 1-1,000. */
export function itemHistory(
  item: ItemDefinition,
  documents: CollectionView,
  query: { readonly key: string; readonly limit: number; readonly cursor?: string },
  showing: Showing,
): ItemVersions {
  const page = documents.versions(query);
  const before = page.next === null ? null : nextVersion(documents, query.key, page.next);
  const values = [...page.items, ...(before === null ? [] : [before])].map((version) => shown(item, version, showing));
  const items = page.items.map(({ offset }, at) => {
    const { revision, at: atMs, actor, type } = showing.event(offset);
    const value = values[at]!;
    const changed = changedFields(values[at + 1] ?? null, value);
    return {
      position: showing.position(offset),
      revision,
      at: new Date(atMs).toISOString(),
      actor,
      type,
      changed,
      value,
    };
  });
  return { items, next: page.next };
}

/** The first version of the page that the cursor goes on with: pages may be short, but not without end. */
function nextVersion(documents: CollectionView, key: string, from: string): DocumentVersion | null {
  for (let cursor: string | null = from; cursor !== null; ) {
    const { items, next }: ReturnType<CollectionView['versions']> = documents.versions({ key, limit: 1, cursor });
    if (items[0] !== undefined) return items[0];
    cursor = next;
  }
  return null;
}

function shown(item: ItemDefinition, { key, bytes, offset }: DocumentVersion, showing: Showing): Item | null {
  return bytes === null ? null : item.show({ key, bytes, offset }, showing);
}

/** Values are compared as they are shown: a field that was sealed again with the same content did not change. */
export function changedFields(before: Item | null, after: Item | null): string[] {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names].filter((name) => !isDeepStrictEqual(before?.[name], after?.[name])).sort();
}
