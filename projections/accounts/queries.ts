import { z } from 'zod';
import { visibleVersion } from '#history/items/item-visibility.ts';
import type { QueryRoute } from '#history/routes.ts';
import { itemRoutes } from '#projections/item-routes.ts';
import { defineQuery, listOf, listQuery, listReading, pageOf, parsed } from '#projections/queries.ts';
import { BALANCES } from './balance.ts';
import { accountItems, showAccount } from './items.ts';
import { ENTRIES, type Entry, entriesOf, KINDS } from './statement.ts';

const entry = z.object({
  kind: z.enum(KINDS),
  amount: z.int(),
  operation: z.string().nullable(),
  reference: z.string().nullable(),
  position: z.string(),
  at: z.string(),
});

const statementQuery = listQuery.extend({
  order: z.enum(['oldest', 'newest']).default('oldest').describe('which entries come first'),
});

/** An account's key sees its own account; to it the others are not there. */
export const accountQueries: readonly QueryRoute[] = [
  defineQuery({
    path: '/v1/accounts',
    summary: 'The accounts that the key may see, by name',
    public: false,
    query: listQuery,
    answers: listOf(accountItems.shape),
    read: ({ db, query, reader }) => {
      if (reader.role !== 'admin') {
        const own = reader.account === null ? null : db.collection(BALANCES).get(reader.account);
        return listReading(db, { items: own === null ? [] : [own], next: null }, showAccount);
      }
      return listReading(db, db.collection(BALANCES).scan({ prefix: '', ...pageOf(query) }), showAccount);
    },
  }),
  ...itemRoutes(accountItems),
  defineQuery({
    path: '/v1/accounts/{account}/entries',
    summary: 'What moved credits on the account',
    public: false,
    query: statementQuery,
    answers: listOf(entry),
    read: (context) => {
      const { db, query, position } = context;
      const prefix = entriesOf(visibleVersion(accountItems, context.params.account!, context).key);
      const descending = query.order === 'newest';
      const page = db.collection(ENTRIES).scan({ prefix, descending, ...pageOf(query) });
      return listReading(db, page, (version) => {
        const { kind, amount, operation, reference, offset, at } = parsed<Entry>(version);
        return { kind, amount, operation, reference, position: position(offset), at };
      });
    },
  }),
];
