import { defineInvariant } from '#commands/invariant.ts';
import { counted, type DomainAudit } from '#handling/invariant.ts';
import type { AccountEvents } from './events.ts';

/** Kept apart from what deciders fold, so that a mistake in one is not repeated by the other. */
type Ledger = {
  available: number;
  held: number;
  spent: number;
  expired: number;
  granted: number;
  readonly grants: Set<string>;
  /** Amounts of open holds. */
  readonly holds: Map<string, number>;
};

type Ledgers = { readonly byAccount: Map<string, Ledger>; issued: bigint };

const newLedger = (): Ledger => ({
  available: 0,
  held: 0,
  spent: 0,
  expired: 0,
  granted: 0,
  grants: new Set(),
  holds: new Map(),
});

/** Issued = available + held + spent + expired, in every account and so in all, and no balance is below zero, at every position. */
const creditsConserve = defineInvariant<AccountEvents, Ledgers>(
  'credits conserve, and no balance is below zero',
  () => ({ byAccount: new Map(), issued: 0n }),
  {
    AccountOpened: ({ byAccount }, { account }) => {
      if (byAccount.has(account)) return `account ${account} is opened twice`;
      byAccount.set(account, newLedger());
      return null;
    },
    CreditsGranted: (state, { account, grant, amount }) =>
      on(state, account, (ledger) => {
        if (ledger.grants.has(grant)) return `grant ${grant} of account ${account} is given twice`;
        ledger.grants.add(grant);
        ledger.granted += amount;
        ledger.available += amount;
        state.issued += BigInt(amount);
        return null;
      }),
    CreditsDebited: (state, { account, amount, from }) =>
      on(state, account, (ledger) => {
        ledger.available -= amount;
        ledger.spent += amount;
        return partsOf(from) === amount ? null : `a debit of ${amount} takes ${partsOf(from)} from grants`;
      }),
    GrantExpired: (state, { account, amount }) =>
      on(state, account, (ledger) => {
        ledger.available -= amount;
        ledger.expired += amount;
        return null;
      }),
    HoldPlaced: (state, { account, hold, amount, from }) =>
      on(state, account, (ledger) => {
        if (ledger.holds.has(hold)) return `hold ${hold} of account ${account} is placed twice`;
        ledger.holds.set(hold, amount);
        ledger.available -= amount;
        ledger.held += amount;
        return partsOf(from) === amount ? null : `a hold of ${amount} takes ${partsOf(from)} from grants`;
      }),
    HoldSettled: (state, data) => on(state, data.account, (ledger) => close(ledger, data)),
    HoldVoided: (state, data) => on(state, data.account, (ledger) => close(ledger, { ...data, amount: 0 })),
    HoldExpired: (state, data) => on(state, data.account, (ledger) => close(ledger, { ...data, amount: 0 })),
    AccountErased: (state, { account }) =>
      on(state, account, ({ available, held }) =>
        available + held === 0 ? null : `account ${account} is erased with ${available} available and ${held} held`,
      ),
  },
  ({ byAccount, issued }) => `${counted(byAccount.size, 'account')}, ${counted(issued, 'credit')} issued`,
);

export const accountsAudit: DomainAudit = { invariants: [creditsConserve] };

function on({ byAccount }: Ledgers, account: string, change: (ledger: Ledger) => string | null): string | null {
  const ledger = byAccount.get(account);
  if (ledger === undefined) return `account ${account} was never opened`;
  const broken = change(ledger);
  if (broken !== null) return broken;
  const { available, held, spent, expired, granted } = ledger;
  if (available < 0 || held < 0) return `account ${account} has ${available} available and ${held} held`;
  // Summed so that nothing passes 2^53 on the way: each of them is at most what was granted.
  if (granted - available - held === spent + expired) return null;
  return `account ${account} was granted ${granted}, but has ${available} + ${held} held + ${spent} spent + ${expired} expired`;
}

function close(ledger: Ledger, { hold, amount, released, expired }: AccountEvents['HoldSettled']): string | null {
  const held = ledger.holds.get(hold);
  if (held === undefined) return `hold ${hold} is closed, but not open`;
  ledger.holds.delete(hold);
  ledger.held -= held;
  ledger.spent += amount;
  ledger.available += released;
  ledger.expired += expired;
  return null;
}

function partsOf(from: readonly { readonly amount: number }[]): number {
  return from.reduce((sum, { amount }) => sum + amount, 0);
}
