import { z } from 'zod';
import { name } from '#commands/fields.ts';
import { accountCommand } from './account-command.ts';
import { fallenDue } from './due.ts';

/**
 * Removes an account for good: the key of its personal fields, its document's versions, and its keys. Nobody can spend its
 * credits any more: open holds and what is available expire, so that the ledger stays whole.
 */
export const eraseAccount = accountCommand({
  type: 'EraseAccount',
  schema: z.strictObject({ account: name }),
  roles: ['admin', 'system'],
  decide: ({ data: { account } }, state) => [
    ...fallenDue(account, state, Number.POSITIVE_INFINITY).events,
    { type: 'AccountErased', data: { account, keys: state.keys.map(({ hash }) => hash) } },
  ],
});
