import { z } from 'zod';
import { type DiffCatalogue, itemsNamed } from '#history/items/diff.ts';
import type { QueryRoute } from '#history/routes.ts';
import { NAME } from '../config.ts';
import { errors } from '../errors.ts';

const countQuery = z.strictObject({
  in: z.string().min(1).max(80).describe('`dapps`, `accounts`, `photos`, `albums` or `refs`'),
  account: z.string().regex(NAME).optional().describe("only this account's, for an admin"),
});

/** `GET /v1/counts`: how many items there are, or an account has; versioned as all else is. */
export function countRoute(catalogue: DiffCatalogue): QueryRoute {
  return {
    path: '/v1/counts',
    summary: 'How many items there are, or an account has',
    public: false,
    query: countQuery,
    answers: z.object({ in: z.string(), account: z.string().nullable(), count: z.int() }),
    read: ({ db, query: checked, reader }) => {
      // What the route's own schema made.
      const query = checked as z.infer<typeof countQuery>;
      const item = itemsNamed(catalogue, query.in);
      if (reader.role !== 'admin' && query.account !== undefined && query.account !== reader.account) {
        throw errors.error('auth.forbidden', 'the key of an account counts its own items');
      }
      const account = reader.account ?? query.account ?? null;
      return {
        offset: db.offset,
        body: { in: item.name, account, count: item.count(db.collection(item.collection), account) },
      };
    },
  };
}
