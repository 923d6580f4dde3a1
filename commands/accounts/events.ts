import { z } from 'zod';
import { amount, count, givenId, name, sha256, text, time } from '#commands/fields.ts';
import { defineEvent } from '#events/definition.ts';
import { debitPacking } from './debit-packing.ts';
import { OPERATIONS } from './operations.ts';
import { subjectOf } from './stream.ts';

export const operation = z.enum(OPERATIONS);
export const contact = text(320, 1);
export const reference = text(128, 1);
export const role = z.enum(['account', 'admin']);

/** How much was taken from which grant. */
const part = z.strictObject({ grant: givenId, amount });
const from = z.array(part);
const account = name;

const accountOpened = z.strictObject({ account, contact: contact.nullable() });
const creditsGranted = z.strictObject({
  account,
  grant: givenId,
  amount,
  priority: z.int(),
  expiresAt: time.nullable(),
});
const creditsDebited = z.strictObject({
  account,
  amount,
  operation,
  bytes: count.nullable(),
  reference: reference.nullable(),
  from,
});
const grantExpired = z.strictObject({ account, grant: givenId, amount: count });
const holdPlaced = z.strictObject({ account, hold: givenId, amount, expiresAt: time, from });
// What a closed hold gives back: `released` is available again, `expired` belonged to grants that expired meanwhile.
const holdSettled = z.strictObject({ account, hold: givenId, amount, released: count, expired: count });
const holdReleased = z.strictObject({ account, hold: givenId, released: count, expired: count });
const keyIssued = z.strictObject({ account, key: givenId, hash: sha256, role, expiresAt: time.nullable() });
const keyRevoked = z.strictObject({ account, key: givenId, hash: sha256 });
// `keys` are the hashes of those that it still had.
const accountErased = z.strictObject({ account, keys: z.array(sha256) });

export type Part = Readonly<z.infer<typeof part>>;
export type CreditsDebited = z.infer<typeof creditsDebited>;
export type AccountEvents = {
  readonly AccountOpened: z.infer<typeof accountOpened>;
  readonly CreditsGranted: z.infer<typeof creditsGranted>;
  readonly CreditsDebited: CreditsDebited;
  readonly GrantExpired: z.infer<typeof grantExpired>;
  readonly HoldPlaced: z.infer<typeof holdPlaced>;
  readonly HoldSettled: z.infer<typeof holdSettled>;
  readonly HoldVoided: z.infer<typeof holdReleased>;
  readonly HoldExpired: z.infer<typeof holdReleased>;
  readonly KeyIssued: z.infer<typeof keyIssued>;
  readonly KeyRevoked: z.infer<typeof keyRevoked>;
  readonly AccountErased: z.infer<typeof accountErased>;
};

const subject = ({ account }: { readonly account?: unknown }) => subjectOf(String(account));

export const accountEvents = [
  defineEvent({
    type: 'AccountOpened',
    schema: accountOpened,
    personal: ['contact'],
    subject,
  }),
  defineEvent({ type: 'CreditsGranted', schema: creditsGranted }),
  defineEvent({ type: 'CreditsDebited', schema: creditsDebited, packing: debitPacking }),
  defineEvent({ type: 'GrantExpired', schema: grantExpired }),
  defineEvent({ type: 'HoldPlaced', schema: holdPlaced }),
  defineEvent({ type: 'HoldSettled', schema: holdSettled }),
  defineEvent({ type: 'HoldVoided', schema: holdReleased }),
  defineEvent({ type: 'HoldExpired', schema: holdReleased }),
  defineEvent({ type: 'KeyIssued', schema: keyIssued }),
  defineEvent({ type: 'KeyRevoked', schema: keyRevoked }),
  defineEvent({ type: 'AccountErased', schema: accountErased, erases: subject }),
];
