import type { Principal } from '#handling/domain.ts';
import type { Db } from '#history/db.ts';
import { parsed } from '#projections/queries.ts';

/** The collection of keys, by the SHA-256 of their secret in hex. */
export const KEYS = 'keys';

export type KeyDocument = {
  readonly account: string;
  readonly expiresAt: string | null;
  readonly key: string;
  readonly revoked: boolean;
  readonly role: 'account' | 'admin';
};

/** Whose key this is, by the SHA-256 of its secret; `null` for one that is unknown, revoked or expired at `nowMs`. */
export function principalOfKey(db: Db, hash: string, nowMs: number): Principal | null {
  const version = db.collection(KEYS).get(hash);
  if (version === null) return null;
  const { account, expiresAt, revoked, role } = parsed<KeyDocument>(version);
  if (revoked || (expiresAt !== null && Date.parse(expiresAt) <= nowMs)) return null;
  return role === 'admin'
    ? { role: 'admin', account: null, actor: 'admin' }
    : { role: 'account', account, actor: `account:${account}` };
}
