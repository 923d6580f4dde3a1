import { z } from 'zod';
import { accountErrors } from '#commands/accounts/errors.ts';
import type { Version } from '#history/db.ts';
import type { ItemDefinition } from '#history/items/items.ts';
import { parsed } from '#projections/queries.ts';
import { BALANCES, type Balance } from './balance.ts';

/** An account's key sees its own account; to it the others are not there. */
export const accountItems: ItemDefinition = {
  name: 'accounts',
  noun: "an account's balance",
  collection: BALANCES,
  path: '/v1/accounts/{account}',
  shape: z.object({
    account: z.string(),
    available: z.int(),
    held: z.int(),
    spent: z.int(),
    expired: z.int(),
    granted: z.int(),
  }),
  show: showAccount,
  owner: ({ key }) => key,
  count: (accounts, account) =>
    account === null ? accounts.count('all', 'all') : Number(accounts.get(account) !== null),
  unknown: (account) => accountErrors.error('account.unknown', `there is no account "${account}"`),
};

export function showAccount(version: Version) {
  const { account, available, held, spent, expired, granted } = parsed<Balance>(version);
  return { account, available, held, spent, expired, granted };
}
