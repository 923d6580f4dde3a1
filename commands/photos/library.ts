import { defineView } from '#commands/view.ts';
import type { Principal, Reference } from '#handling/domain.ts';
import { erasedLibrary, photoErrors } from './errors.ts';

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

type Caller = Pick<Principal, 'role' | 'account'>;

/** What deciding needs to know of a library's owner. */
export function ownerOf(library: string, caller: Caller): { readonly [name: string]: Reference } {
  if (caller.role === 'admin' && library === DEFAULT_LIBRARY) return {};
  return { owner: { view: ownerView, stream: ownerStream(library) } };
}

/**
 * @throws photo.unknown-library for what is neither the caller's own nor, for the admin, one that is there; history.erased
 * where its owner was erased.
 */
export function requireLibrary(library: string, caller: Caller, owner: unknown): void {
  // A caller's own account is there: it has a key, though perhaps for half a second only.
  const isTheirs =
    caller.role === 'account' ? caller.account === library : library === DEFAULT_LIBRARY || owner !== 'none';
  if (isTheirs && owner === 'erased') throw erasedLibrary(library);
  if (!isTheirs) throw photoErrors.error('photo.unknown-library', `there is no library "${library}"`);
}

type OwnerEvents = { readonly AccountOpened: object; readonly AccountErased: object };
type Owner = 'none' | 'open' | 'erased';

/** What this domain needs to know of the account whose library it is: whether it is there. */
export const ownerView = defineView<OwnerEvents, Owner>('photos.account', 'none', {
  AccountOpened: () => 'open',
  AccountErased: () => 'erased',
});

export function ownerStream(account: string): string {
  return `account-${account}`;
}
