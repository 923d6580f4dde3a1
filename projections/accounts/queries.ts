import { z } from 'zod';
import { accountErrors } from '#commands/accounts/errors.ts';
import type { Version } from '#history/db.ts';
import type { QueryContext, QueryRoute } from '#history/routes.ts';
import { defineQuery, listOf, listQuery, listReading, mayRead, noQuery, pageOf, parsed } from '#projections/queries.ts';
import { BALANCES, type Balance } from './balance.ts';
import { ENTRIES, type Entry, entriesOf, KINDS } from './statement.ts';

const account = z.object({
  account: z.string(),
  available: z.int(),
  held: z.int(),
  spent: z.int(),
  expired: z.int(),
  granted: z.int(),
});

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
    answers: listOf(account),
    read: ({ db, query, reader }) => {
      if (reader.role !== 'admin') {
        const own = reader.account === null ? null : db.collection(BALANCES).get(reader.account);
        return listReading(db, { items: own === null ? [] : [own], next: null }, described);
      }
      return listReading(db, db.collection(BALANCES).scan({ prefix: '', ...pageOf(query) }), described);
    },
  }),
  defineQuery({
    path: '/v1/accounts/{account}',
    summary: "An account's balance",
    public: false,
    query: noQuery,
    answers: account,
    read: (context) => {
      const version = visible(context);
      const lastChange = (db: QueryContext['db']) => db.collection(BALANCES).lastChange(version.key);
      return { offset: version.offset, body: described(version), lastChange };
    },
  }),
  defineQuery({
    path: '/v1/accounts/{account}/entries',
    summary: 'What moved credits on the account',
    public: false,
    query: statementQuery,
    answers: listOf(entry),
    read: (context) => {
      const { db, query, position } = context;
      const prefix = entriesOf(visible(context).key);
      const descending = query.order === 'newest';
      const page = db.collection(ENTRIES).scan({ prefix, descending, ...pageOf(query) });
      return listReading(db, page, (version) => {
        const { kind, amount, operation, reference, offset, at } = parsed<Entry>(version);
        return { kind, amount, operation, reference, position: position(offset), at };
      });
    },
  }),
];

/** @throws account.unknown */
function visible({ db, params, reader }: Pick<QueryContext, 'db' | 'params' | 'reader'>): Version {
  const name = params.account!;
  const version = mayRead(reader, name) ? db.collection(BALANCES).get(name) : null;
  if (version === null) throw accountErrors.error('account.unknown', `there is no account "${name}"`);
  return version;
}

function described(version: Version) {
  const { account, available, held, spent, expired, granted } = parsed<Balance>(version);
  return { account, available, held, spent, expired, granted };
}
