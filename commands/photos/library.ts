import { defineView } from '#commands/view.ts';
import { photoErrors } from './errors.ts';

/** Where the admin's photos go unless an account is named. */
export const DEFAULT_LIBRARY = 'default';

/** The library that a caller means. @throws photo.unknown-library for another account's. */
export function libraryOf(caller: { readonly account: string | null }, named: string | undefined): string {
  const { account } = caller;
  if (account !== null && named !== undefined && named !== account) {
    throw photoErrors.error('photo.unknown-library', `there is no library "${named}"`);
  }
  return account ?? named ?? DEFAULT_LIBRARY;
}

/** What this domain needs to know of the account whose library it is: whether it is there. */
export const ownerView = defineView<{ readonly AccountOpened: object }, boolean>('photos.account', false, {
  AccountOpened: () => true,
});

export function ownerStream(account: string): string {
  return `account-${account}`;
}
