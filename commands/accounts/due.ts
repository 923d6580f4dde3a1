import type { EventOf } from '#commands/view.ts';
import type { AccountEvents } from './events.ts';
import { amountAlive } from './grants.ts';
import { type Account, accountView, type Hold } from './state.ts';

export type AccountEvent = EventOf<AccountEvents>;

/** What fell due, as events, and the account after them. */
export type Due = { readonly events: readonly AccountEvent[]; readonly account: Account };

/**
 * What is due at `at` (ms since 1970, inclusive), in the order in which it fell due; of grants and holds that fell due
 * together, holds first.
 */
export function fallenDue(name: string, account: Account, at: number): Due {
  const events: AccountEvent[] = [];
  let now = account;
  for (let event = nextDue(name, now, at); event !== null; event = nextDue(name, now, at)) {
    events.push(event);
    // An account that was opened stays so.
    now = accountView.evolve(now, { ...event, at }) as Account;
  }
  return { events, account: now };
}

function nextDue(name: string, account: Account, at: number): AccountEvent | null {
  const hold = soonest(account.holds, at);
  const grant = soonest(account.grants, at);
  if (hold !== null && (grant === null || hold.expiresAtMs <= grant.expiresAtMs)) {
    return { type: 'HoldExpired', data: { account: name, hold: hold.id, ...given(account, hold) } };
  }
  if (grant === null) return null;
  return { type: 'GrantExpired', data: { account: name, grant: grant.id, amount: grant.available } };
}

function soonest<Item extends { readonly expiresAtMs: number }>(items: readonly Item[], at: number): Item | null {
  let first: Item | null = null;
  for (const item of items) {
    if (item.expiresAtMs <= at && (first === null || item.expiresAtMs < first.expiresAtMs)) first = item;
  }
  return first;
}

/** What an open hold gives back in full. */
export function given({ grants }: Account, hold: Hold): { readonly released: number; readonly expired: number } {
  const released = amountAlive(grants, hold.from);
  return { released, expired: hold.amount - released };
}
