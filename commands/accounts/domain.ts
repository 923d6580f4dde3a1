import type { Domain } from '#handling/domain.ts';
import { accountItems } from '#projections/accounts/items.ts';
import { accountsProjection } from '#projections/accounts/projection.ts';
import { accountQueries } from '#projections/accounts/queries.ts';
import { expireDue, openAccount } from './account.ts';
import { accountsAudit } from './audit.ts';
import { debitCredits, grantCredits } from './credits.ts';
import { eraseAccount } from './erase-account.ts';
import { accountErrors } from './errors.ts';
import { accountEvents } from './events.ts';
import { placeHold, settleHold, voidHold } from './holds.ts';
import { issueKey, revokeKey } from './keys.ts';
import { expiry } from './reactors.ts';
import { accountRoutes } from './routes.ts';
import { accountOfSubject } from './stream.ts';

/** Accounts: a ledger of credits that are granted, held, spent and expire, and the keys that people use. */
export const accounts: Domain = {
  name: 'accounts',
  events: accountEvents,
  commands: [
    openAccount,
    grantCredits,
    debitCredits,
    placeHold,
    settleHold,
    voidHold,
    issueKey,
    revokeKey,
    expireDue,
    eraseAccount,
  ],
  errors: accountErrors,
  reactors: [expiry],
  projections: [accountsProjection],
  items: [accountItems],
  commandRoutes: accountRoutes,
  uploadRoutes: [],
  queryRoutes: accountQueries,
  audit: accountsAudit,
  erasure: (subject) => {
    const account = accountOfSubject(subject);
    return account === null ? null : { type: 'EraseAccount', data: { account } };
  },
};
