import { z } from 'zod';
import { givenId, name, time } from '#commands/fields.ts';
import { accountCommand } from './account-command.ts';
import { accountErrors } from './errors.ts';
import { role } from './events.ts';

/** Keys of an account that are neither revoked nor expired. */
export const KEYS_MAX = 100;

export const issueKey = accountCommand({
  type: 'IssueKey',
  schema: z.strictObject({ account: name, role: role.default('account'), expiresAt: time.nullable().default(null) }),
  roles: ['admin'],
  make: (fresh) => ({ key: fresh.id('key'), ...fresh.secret() }),
  secrets: ['secret'],
  decide: ({ data, at, made }, { keys }) => {
    if (data.expiresAt !== null && Date.parse(data.expiresAt) <= at) {
      throw accountErrors.error('key.expired', `${data.expiresAt} is past`);
    }
    if (keys.filter(({ expiresAtMs }) => expiresAtMs > at).length >= KEYS_MAX) {
      throw accountErrors.error('key.too-many', `${KEYS_MAX} keys are in use: revoke one first`);
    }
    return [{ type: 'KeyIssued', data: { ...data, key: made.key!, hash: made.hash! } }];
  },
});

export const revokeKey = accountCommand({
  type: 'RevokeKey',
  schema: z.strictObject({ account: name, key: givenId }),
  roles: ['admin'],
  decide: ({ data }, { keys }) => {
    const key = keys.find(({ id }) => id === data.key);
    if (key === undefined) throw accountErrors.error('key.unknown', `there is no key "${data.key}"`);
    return [{ type: 'KeyRevoked', data: { ...data, hash: key.hash } }];
  },
});
