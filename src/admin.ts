import { hash, timingSafeEqual } from 'node:crypto';
import type { Bus } from '#handling/bus.ts';
import type { Principal } from '#handling/domain.ts';
import type { Projections } from '#history/db.ts';
import type { EventLog } from '#log/event-log.ts';
import { principalOfKey } from '#projections/accounts/principal.ts';

const ADMIN: Principal = { role: 'admin', account: null, actor: 'admin' };
/** The server's own first steps: there is no admin yet who could take them. */
const SYSTEM: Principal = { role: 'admin', account: null, actor: 'system' };
/** The account that the first admin key is issued on. */
const ADMIN_ACCOUNT = 'admin';

/** Finds whose key a token is: the configured admin key, or one that the log issued. Authorisation is always as of now. */
export function authenticator(adminKey: string | null, projections: Projections): (token: string) => Principal | null {
  const adminHash = adminKey === null ? null : hash('sha256', adminKey, 'buffer');
  return (token) => {
    const tokenHash = hash('sha256', token, 'buffer');
    if (adminHash !== null && timingSafeEqual(tokenHash, adminHash)) return ADMIN;
    return principalOfKey(projections.db(), tokenHash.toString('hex'), Date.now());
  };
}

/** An admin key to be shown once, where the log has never issued one; else `null`. */
export async function firstAdminKey(bus: Bus, log: EventLog): Promise<string | null> {
  let isOpen = false;
  for await (const { type } of log.readStream(`account-${ADMIN_ACCOUNT}`)) {
    if (type === 'KeyIssued') return null;
    isOpen = true;
  }
  const asSystem = { caller: SYSTEM, idempotencyKey: null, expected: null };
  const account = ADMIN_ACCOUNT;
  if (!isOpen) await bus.handle({ ...asSystem, type: 'OpenAccount', data: { account } });
  const issued = await bus.handle({ ...asSystem, type: 'IssueKey', data: { account, role: 'admin' } });
  return issued.made.secret ?? null;
}
