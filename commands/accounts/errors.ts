import { errors, errorTable, type StrataError } from '#src/errors.ts';

export const accountErrors = errorTable({
  'account.unknown': { status: 404, title: 'There is no such account' },
  'account.exists': { status: 409, title: 'There is an account of this name' },
  'credits.insufficient': { status: 422, title: 'The account does not have that many credits available' },
  'credits.limit': { status: 422, title: 'More credits would have been granted than an account can count' },
  'credits.expired': { status: 422, title: 'The grant would have expired already' },
  'credits.too-many-grants': { status: 409, title: 'The account has as many unspent grants as it may have' },
  'hold.unknown': { status: 404, title: 'There is no such hold' },
  'hold.exists': { status: 409, title: 'The account has or had a hold of this name' },
  'hold.closed': { status: 409, title: 'The hold is settled, voided or expired' },
  'hold.exceeded': { status: 422, title: 'More would be settled than is held' },
  'hold.too-many': { status: 409, title: 'The account has as many open holds as it may have' },
  'key.unknown': { status: 404, title: 'The account has no such key' },
  'key.expired': { status: 422, title: 'The key would have expired already' },
  'key.too-many': { status: 409, title: 'The account has as many keys as it may have' },
});

export function erasedAccount(account: string): StrataError {
  return errors.error('history.erased', `the account "${account}" was erased for good`);
}
