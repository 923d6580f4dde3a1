import type { Json } from '#events/event.ts';
import type { FoldContext } from '#history/projection.ts';
import { assert } from '#src/assert.ts';

/** The collection of accounts, by name. */
export const BALANCES = 'accounts';

/** `granted = available + held + spent + expired`. */
export type Balance = {
  readonly account: string;
  readonly available: number;
  /** Sealed. */
  readonly contact: Json;
  readonly expired: number;
  readonly granted: number;
  readonly held: number;
  readonly spent: number;
};

type Changes = { readonly [field in 'available' | 'expired' | 'granted' | 'held' | 'spent']?: number };

export function changeBalance(context: FoldContext, account: string, changes: Changes): void {
  const balances = context.collection(BALANCES);
  const before = balances.get(account);
  assert(before !== null, 'an account is opened first');
  // This projection alone writes the collection.
  const { available, contact, expired, granted, held, spent } = before as Balance;
  // In the order of their names, as documents are written.
  balances.put(account, {
    account,
    available: available + (changes.available ?? 0),
    contact,
    expired: expired + (changes.expired ?? 0),
    granted: granted + (changes.granted ?? 0),
    held: held + (changes.held ?? 0),
    spent: spent + (changes.spent ?? 0),
  });
}
