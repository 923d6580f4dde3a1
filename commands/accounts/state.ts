import { defineView } from '#commands/view.ts';
import { assert } from '#src/assert.ts';
import type { AccountEvents, Part } from './events.ts';
import { cut, type Grants, held, released, spent, spentFromHeld, withGrant } from './grants.ts';

/** How many closed holds are remembered, so that closing one twice is told from closing one that never was. */
const CLOSED_HOLDS_MAX = 256;

export type Hold = {
  readonly id: string;
  readonly amount: number;
  readonly expiresAtMs: number;
  /** The grants that it was taken from, in the order in which they are spent. */
  readonly from: readonly Part[];
};

export type Key = {
  readonly id: string;
  readonly hash: string;
  /** `Infinity` for one that never expires. */
  readonly expiresAtMs: number;
};

/**
 * A credit account, bounded: grants, holds and keys leave it when they are done with.
 * `granted = available + held + spent + expired`, always.
 */
export type Account = {
  readonly available: number;
  readonly held: number;
  readonly spent: number;
  readonly expired: number;
  readonly granted: number;
  readonly grants: Grants;
  readonly holds: readonly Hold[];
  /** The last ones, newest first. */
  readonly closedHolds: readonly string[];
  readonly keys: readonly Key[];
  /** For good: what is left is that it was there, and what became of its credits. */
  readonly erased: boolean;
};

const OPENED: Account = {
  available: 0,
  held: 0,
  spent: 0,
  expired: 0,
  granted: 0,
  grants: [],
  holds: [],
  closedHolds: [],
  keys: [],
  erased: false,
};

/** `null` while nobody opened the account. */
export const accountView = defineView<AccountEvents, Account | null>('account', null, {
  AccountOpened: () => OPENED,
  CreditsGranted: (state, { grant, amount, priority, expiresAt }) =>
    step(state, (account) => ({
      granted: account.granted + amount,
      available: account.available + amount,
      grants: withGrant(account.grants, {
        id: grant,
        priority,
        expiresAtMs: timeMs(expiresAt),
        available: amount,
        held: 0,
      }),
    })),
  CreditsDebited: (state, { amount, from }) =>
    step(state, (account) => ({
      available: account.available - amount,
      spent: account.spent + amount,
      grants: spent(account.grants, from),
    })),
  GrantExpired: (state, { grant, amount }) =>
    step(state, (account) => ({
      available: account.available - amount,
      expired: account.expired + amount,
      grants: account.grants.filter(({ id }) => id !== grant),
    })),
  HoldPlaced: (state, { hold, amount, expiresAt, from }) =>
    step(state, (account) => ({
      available: account.available - amount,
      held: account.held + amount,
      grants: held(account.grants, from),
      holds: [...account.holds, { id: hold, amount, expiresAtMs: timeMs(expiresAt), from }],
    })),
  HoldSettled: (state, data) => step(state, (account) => closed(account, data)),
  HoldVoided: (state, data) => step(state, (account) => closed(account, { ...data, amount: 0 })),
  HoldExpired: (state, data) => step(state, (account) => closed(account, { ...data, amount: 0 })),
  KeyIssued: (state, { key, hash, expiresAt }, at) =>
    step(state, ({ keys }) => ({
      keys: [...keys.filter(({ expiresAtMs }) => expiresAtMs > at), { id: key, hash, expiresAtMs: timeMs(expiresAt) }],
    })),
  KeyRevoked: (state, { key }) => step(state, ({ keys }) => ({ keys: keys.filter(({ id }) => id !== key) })),
  AccountErased: (state) => step(state, () => ({ keys: [], closedHolds: [], erased: true })),
});

type Closing = AccountEvents['HoldSettled'];

/** A hold's amount is spent, released or expired: nothing of it is left. */
function closed(account: Account, { hold: id, amount, released: back, expired }: Closing): Partial<Account> {
  const hold = account.holds.find((open) => open.id === id);
  assert(hold !== undefined, 'only an open hold is closed');
  assert(hold.amount === amount + back + expired, 'a closed hold is spent, released and expired in full');
  const { first, rest } = cut(hold.from, amount);
  return {
    available: account.available + back,
    held: account.held - hold.amount,
    spent: account.spent + amount,
    expired: account.expired + expired,
    grants: released(spentFromHeld(account.grants, first), rest),
    holds: account.holds.filter((open) => open !== hold),
    closedHolds: [id, ...account.closedHolds.slice(0, CLOSED_HOLDS_MAX - 1)],
  };
}

function step(state: Account | null, change: (account: Account) => Partial<Account>): Account {
  assert(state !== null, 'an account is opened first');
  const account = { ...state, ...change(state) };
  const { available, held, spent, expired, granted } = account;
  assert(available >= 0 && held >= 0, 'no balance falls below zero');
  assert(granted - available - held === spent + expired, 'credits are conserved');
  return account;
}

function timeMs(time: string | null): number {
  return time === null ? Number.POSITIVE_INFINITY : Date.parse(time);
}
