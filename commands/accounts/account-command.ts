import type { z } from 'zod';
import { type Command, type CommandDefinition, defineCommand } from '#handling/domain.ts';
import { type AccountEvent, fallenDue } from './due.ts';
import { accountErrors, erasedAccount } from './errors.ts';
import { type Account, accountView } from './state.ts';
import { accountStream } from './stream.ts';

type AccountCommand<Data> = Pick<CommandDefinition<Data>, 'type' | 'roles' | 'make' | 'secrets'> & {
  readonly schema: z.ZodType<Data>;
  /** Sees the account after what fell due; adds to those events. */
  readonly decide: (command: Command<Data>, account: Account) => readonly AccountEvent[];
};

/** A command on an account that is there: its key sees this account only, and what is due comes first. */
export function accountCommand<Data extends { readonly account: string }>(
  definition: AccountCommand<Data>,
): CommandDefinition {
  return defineCommand<Data, Account | null>({
    ...definition,
    stream: ({ account }) => accountStream(account),
    view: accountView,
    decide: (command, state) => {
      const { data, caller, at } = command;
      const hidden = caller.role === 'account' && caller.account !== data.account;
      if (state === null || hidden)
        throw accountErrors.error('account.unknown', `there is no account "${data.account}"`);
      if (state.erased) {
        // What a reactor was about to do is done with.
        if (caller.role === 'system') return [];
        throw erasedAccount(data.account);
      }
      const due = fallenDue(data.account, state, at);
      return [...due.events, ...definition.decide(command, due.account)];
    },
  });
}
