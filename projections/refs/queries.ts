import type { QueryRoute } from '#history/routes.ts';
import { itemRoutes } from '#projections/item-routes.ts';
import { defineQuery, listOf, listQuery, listReading, pageOf } from '#projections/queries.ts';
import { errors } from '#src/errors.ts';
import { refItems, showRef } from './items.ts';
import { REFS } from './ref.ts';

export const refQueries: readonly QueryRoute[] = [
  defineQuery({
    path: '/v1/refs',
    summary: 'Named positions, by name',
    public: false,
    query: listQuery,
    answers: listOf(refItems.shape),
    read: (context) => {
      const { db, query, reader } = context;
      if (reader.role !== 'admin') throw errors.error('auth.forbidden', 'this takes the key of an admin');
      const page = db.collection(REFS).scan({ prefix: '', ...pageOf(query) });
      return listReading(db, page, (version) => showRef(version, context));
    },
  }),
  ...itemRoutes(refItems),
];
