import { z } from 'zod';
import { name } from '#commands/fields.ts';
import { defineCommand } from '#handling/domain.ts';
import { accountCommand } from './account-command.ts';
import type { AccountEvent } from './due.ts';
import { accountErrors, erasedAccount } from './errors.ts';
import { contact } from './events.ts';
import { accountView } from './state.ts';
import { accountStream } from './stream.ts';

export const openAccount = defineCommand({
  type: 'OpenAccount',
  schema: z.strictObject({ account: name, contact: contact.nullable().default(null) }),
  roles: ['admin'],
  stream: ({ account }) => accountStream(account),
  view: accountView,
  decide: ({ data }, account): readonly AccountEvent[] => {
    if (account?.erased === true) throw erasedAccount(data.account);
    if (account !== null) throw accountErrors.error('account.exists', `there is an account "${data.account}"`);
    return [{ type: 'AccountOpened', data }];
  },
});

/** Writes down what fell due on an account that is otherwise idle. */
export const expireDue = accountCommand({
  type: 'ExpireDue',
  schema: z.strictObject({ account: name }),
  roles: ['system', 'admin'],
  decide: () => [],
});
