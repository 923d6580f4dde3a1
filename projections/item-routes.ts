import { z } from 'zod';
import type { CollectionView, Db, Version } from '#history/db.ts';
import { itemHistory } from '#history/items/item-history.ts';
import { absent, isOwn, visibleVersion } from '#history/items/item-visibility.ts';
import type { ItemDefinition } from '#history/items/items.ts';
import type { QueryContext, QueryRoute } from '#history/routes.ts';
import { defineQuery, listOf, listQuery, noQuery, pageOf } from './queries.ts';

/** The reads that follow from what an item is: the item itself, and its history. */
export function itemRoutes(item: ItemDefinition): readonly QueryRoute[] {
  const parameter = keyParameter(item);
  return [
    defineQuery({
      path: item.path,
      summary: capitalized(item.noun),
      public: item.isPublic !== undefined,
      query: noQuery,
      answers: item.shape,
      read: (context) => {
        const version = visibleVersion(item, context.params[parameter]!, context);
        const lastChange = (db: Db) => db.collection(item.collection).lastChange(version.key);
        return { offset: version.offset, body: item.show(version, context), lastChange };
      },
    }),
    defineQuery({
      path: `${item.path}/history`,
      summary: `${capitalized(item.noun)}: every version with who made it, when and by what, newest first`,
      public: false,
      query: listQuery,
      answers: listOf(versionOf(item.shape)),
      read: (context) => {
        const key = context.params[parameter]!;
        requireOwn(item, key, context);
        const page = itemHistory(
          item,
          context.db.collection(item.collection),
          { key, ...pageOf(context.query) },
          context,
        );
        // A page that goes on from a cursor is of the position that the cursor names.
        return { offset: context.db.collection(item.collection).lastChange(key), body: page };
      },
    }),
  ];
}

/** The shape of a version in a history. */
export function versionOf(value: z.ZodType) {
  return z.object({
    position: z.string(),
    revision: z.int(),
    at: z.iso.datetime(),
    actor: z.string(),
    type: z.string(),
    changed: z.array(z.string()),
    value: value.nullable(),
  });
}

/**
 * A history goes on after a deletion: it belongs to whose the item was.
 * @throws the item's own 404, and history.erased
 */
export function requireOwn(item: ItemDefinition, key: string, context: Omit<QueryContext, 'query'>): void {
  const version = lastDocument(context.db.collection(item.collection), key);
  if (version === null) throw absent(item, key, context);
  if (!isOwn(item, version, context.reader)) throw item.unknown(key);
}

/** A deletion follows a document, so the second newest version has one where the newest has none. */
function lastDocument(documents: CollectionView, key: string): Version | null {
  const version = documents.get(key);
  if (version !== null) return version;
  for (const { bytes, offset } of documents.versions({ key, limit: 2 }).items) {
    if (bytes !== null) return { key, bytes, offset };
  }
  return null;
}

function keyParameter({ path }: ItemDefinition): string {
  return /\{(\w+)\}$/.exec(path)![1]!;
}

function capitalized(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
