import type { z } from 'zod';
import type { EventOf } from '#commands/view.ts';
import { type Command, type CommandDefinition, defineCommand, type Principal } from '#handling/domain.ts';
import { dappErrors } from './errors.ts';
import type { DappEvents } from './events.ts';
import { type DappState, dappStream, dappView } from './state.ts';

export type DappEvent = EventOf<DappEvents>;

type DappCommand<Data> = Pick<CommandDefinition<Data>, 'type' | 'uploadOnly' | 'revertOnly'> & {
  /** True for what brings a deleted dapp back. */
  readonly takesDeleted?: boolean;
  readonly schema: z.ZodType<Data>;
  readonly decide: (command: Command<Data>, dapp: DappState) => readonly DappEvent[];
};

/** A command on a dapp that is there and, as a rule, not deleted; an account's key sees its own dapps only. */
export function dappCommand<Data extends { readonly dapp: string }>({
  takesDeleted,
  ...definition
}: DappCommand<Data>): CommandDefinition {
  return defineCommand<Data, DappState | null>({
    ...definition,
    roles: ['admin', 'account'],
    stream: ({ dapp }) => dappStream(dapp),
    view: dappView,
    decide: (command, dapp) => {
      const { data, caller } = command;
      if (dapp === null || isHidden(dapp, caller)) {
        throw dappErrors.error('dapp.unknown', `there is no dapp "${data.dapp}"`);
      }
      if (dapp.state === 'deleted' && takesDeleted !== true)
        throw dappErrors.error('dapp.deleted', `"${data.dapp}" was deleted`);
      return definition.decide(command, dapp);
    },
  });
}

function isHidden({ account }: DappState, caller: Principal): boolean {
  return caller.role === 'account' && caller.account !== account;
}
