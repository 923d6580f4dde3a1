import { z } from 'zod';
import type { Json } from '#events/event.ts';
import type { Db, Page, Version } from '#history/db.ts';
import type { QueryContext, QueryRoute, Reading } from '#history/routes.ts';

type TypedRoute<Query> = Omit<QueryRoute, 'query' | 'read'> & {
  readonly query: z.ZodType<Query>;
  readonly read: (context: Omit<QueryContext, 'query'> & { readonly query: Query }) => Reading | Promise<Reading>;
};

/** Keeps a query's type together with its reading, then forgets it: the server handles all queries alike. */
export function defineQuery<Query>(route: TypedRoute<Query>): QueryRoute {
  // `read` only ever meets what `query` made.
  return route as unknown as QueryRoute;
}

/** For queries that take nothing besides `asOf`. */
export const noQuery = z.strictObject({});

/** What every list takes; lists with filters extend it. */
export const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().min(1).max(4096).optional(),
});

/** The shape of a list's answer. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next: z.string().nullable() });
}

/** The part of a list query that `CollectionView` takes as it is. */
export function pageOf({ limit, cursor }: z.infer<typeof listQuery>): { limit: number; cursor?: string } {
  return cursor === undefined ? { limit } : { limit, cursor };
}

/** A page as it is answered. A list has no offset of its own: any event may change it. */
export function listReading<Item>(db: Db, page: Page, item: (version: Version) => Item): Reading {
  return { offset: db.offset, body: { items: page.items.map(item), next: page.next } };
}

/** A document that this projection folded, so its shape is known. */
export function parsed<Document extends { readonly [field: string]: Json }>({ bytes }: Version): Document {
  return JSON.parse(bytes.toString('utf8')) as Document;
}
