import { z } from 'zod';
import { amount, count, name, time } from '#commands/fields.ts';
import type { StrataError } from '#src/errors.ts';
import { accountCommand } from './account-command.ts';
import { accountErrors } from './errors.ts';
import { operation, reference } from './events.ts';
import { partsOf } from './grants.ts';
import type { Account } from './state.ts';

/** Grants with anything left. Together with holds they can all fall due in one write, which has at most 1,000 events. */
export const GRANTS_MAX = 400;

export const grantCredits = accountCommand({
  type: 'GrantCredits',
  schema: z.strictObject({
    account: name,
    amount,
    /** Lower is spent first. */
    priority: z.int().min(0).max(1000).default(100),
    expiresAt: time.nullable().default(null),
  }),
  roles: ['admin'],
  make: (fresh) => ({ grant: fresh.id('grant') }),
  decide: ({ data, at, made }, { granted, grants }) => {
    if (data.expiresAt !== null && Date.parse(data.expiresAt) <= at) {
      throw accountErrors.error('credits.expired', `${data.expiresAt} is past`);
    }
    if (data.amount > Number.MAX_SAFE_INTEGER - granted) {
      throw accountErrors.error('credits.limit', `${granted} are granted already, of 2^53 - 1 at most`);
    }
    if (grants.length >= GRANTS_MAX) {
      throw accountErrors.error('credits.too-many-grants', `${GRANTS_MAX} grants still have credits`);
    }
    return [{ type: 'CreditsGranted', data: { ...data, grant: made.grant! } }];
  },
});

export const debitCredits = accountCommand({
  type: 'DebitCredits',
  schema: z.strictObject({
    account: name,
    amount,
    operation,
    bytes: count.nullable().default(null),
    reference: reference.nullable().default(null),
  }),
  roles: ['admin', 'account'],
  decide: ({ data }, account) => {
    if (data.amount > account.available) throw insufficient(account, data.amount);
    return [{ type: 'CreditsDebited', data: { ...data, from: partsOf(account.grants, data.amount) } }];
  },
});

export function insufficient({ available }: Account, wanted: number): StrataError {
  return accountErrors.error('credits.insufficient', `${wanted} are wanted and ${available} are available`);
}
