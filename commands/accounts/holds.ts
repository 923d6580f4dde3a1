import { z } from 'zod';
import { amount, name } from '#commands/fields.ts';
import { accountCommand } from './account-command.ts';
import { insufficient } from './credits.ts';
import { given } from './due.ts';
import { accountErrors } from './errors.ts';
import { amountAlive, cut, partsOf } from './grants.ts';
import type { Account, Hold } from './state.ts';

/** Open holds an account may have; see `GRANTS_MAX`. */
export const HOLDS_MAX = 500;

const TTL_SECONDS_MAX = 30 * 24 * 3600;

/** Chosen by whoever holds: a word that can stand in a path. */
const hold = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,62}$/, { error: 'must be 1 to 63 of A-Z, a-z, 0-9, ".", "_", "~" and "-"' });

export const placeHold = accountCommand({
  type: 'PlaceHold',
  schema: z.strictObject({ account: name, hold, amount, ttlSeconds: z.int().min(1).max(TTL_SECONDS_MAX) }),
  roles: ['admin', 'account'],
  decide: ({ data, at }, account) => {
    if (account.holds.some(({ id }) => id === data.hold) || account.closedHolds.includes(data.hold)) {
      throw accountErrors.error('hold.exists', `there is or was a hold "${data.hold}"`);
    }
    if (account.holds.length >= HOLDS_MAX) {
      throw accountErrors.error('hold.too-many', `${HOLDS_MAX} holds are open`);
    }
    if (data.amount > account.available) throw insufficient(account, data.amount);
    const expiresAt = new Date(at + data.ttlSeconds * 1000).toISOString();
    const from = partsOf(account.grants, data.amount);
    return [
      { type: 'HoldPlaced', data: { account: data.account, hold: data.hold, amount: data.amount, expiresAt, from } },
    ];
  },
});

/** Spends a hold in part or whole, once; the rest goes back. */
export const settleHold = accountCommand({
  type: 'SettleHold',
  schema: z.strictObject({ account: name, hold, amount }),
  roles: ['admin', 'account'],
  decide: ({ data }, account) => {
    const open = openHold(account, data.hold);
    if (data.amount > open.amount) {
      throw accountErrors.error('hold.exceeded', `${data.amount} are to be settled and ${open.amount} are held`);
    }
    const { rest } = cut(open.from, data.amount);
    const released = amountAlive(account.grants, rest);
    const expired = open.amount - data.amount - released;
    return [{ type: 'HoldSettled', data: { ...data, released, expired } }];
  },
});

export const voidHold = accountCommand({
  type: 'VoidHold',
  schema: z.strictObject({ account: name, hold }),
  roles: ['admin', 'account'],
  decide: ({ data }, account) => {
    const open = openHold(account, data.hold);
    return [{ type: 'HoldVoided', data: { ...data, ...given(account, open) } }];
  },
});

function openHold({ holds, closedHolds }: Account, id: string): Hold {
  const open = holds.find((other) => other.id === id);
  if (open !== undefined) return open;
  if (closedHolds.includes(id)) throw accountErrors.error('hold.closed', `the hold "${id}" is closed`);
  throw accountErrors.error('hold.unknown', `there is no hold "${id}"`);
}
