import { hash, timingSafeEqual } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Bus } from '#handling/bus.ts';
import type { Principal } from '#handling/domain.ts';
import type { Projections } from '#history/db.ts';
import type { EventLog } from '#log/event-log.ts';
import { principalOfKey } from '#projections/accounts/principal.ts';
import { isStrataError } from './errors.ts';

const ADMIN: Principal = { role: 'admin', account: null, actor: 'admin' };
/** The server's own first steps: there is no admin yet who could take them. */
const SYSTEM: Principal = { role: 'admin', account: null, actor: 'system' };
/** The account that the first admin key is issued on. */
const ADMIN_ACCOUNT = 'admin';
/** How often a member looks whether the owner has made the first key. */
const LOOK_MS = 100;

/** Finds whose key a token is: the configured admin key, or one that the log issued. Authorisation is always as of now. */
export function authenticator(adminKey: string | null, projections: Projections): (token: string) => Principal | null {
  const adminHash = adminKey === null ? null : hash('sha256', adminKey, 'buffer');
  return (token) => {
    const tokenHash = hash('sha256', token, 'buffer');
    if (adminHash !== null && timingSafeEqual(tokenHash, adminHash)) return ADMIN;
    return principalOfKey(projections.db(), tokenHash.toString('hex'), Date.now());
  };
}

/**
 * An admin key to be shown once, where the log has never issued one; else `null`. Of several members the one that owns the
 * account makes it, and the others wait until it did.
 */
export async function firstAdminKey(bus: Bus, log: EventLog): Promise<string | null> {
  const stream = `account-${ADMIN_ACCOUNT}`;
  for (;;) {
    const types = new Set<string>();
    for await (const { type } of log.readStream(stream)) types.add(type);
    if (types.has('KeyIssued')) return null;
    if (log.ownerOf(log.partitionOf(stream)) === 'here') {
      try {
        return await makeAdminKey(bus, types.size > 0);
      } catch (error) {
        if (!isStrataError(error, 'partition.moving')) throw error;
      }
    }
    await setTimeout(LOOK_MS);
  }
}

/** By idempotency keys: where every member writes every stream, one of them makes the key, and sees its secret. */
async function makeAdminKey(bus: Bus, isOpen: boolean): Promise<string | null> {
  const account = ADMIN_ACCOUNT;
  const asSystem = { caller: SYSTEM, expected: null };
  if (!isOpen) {
    const opening = { ...asSystem, idempotencyKey: 'first-admin-account' };
    await bus.handle({ ...opening, type: 'OpenAccount', data: { account } });
  }
  const issuing = { ...asSystem, idempotencyKey: 'first-admin-key' };
  const issued = await bus.handle({ ...issuing, type: 'IssueKey', data: { account, role: 'admin' } });
  return issued.made.secret ?? null;
}
