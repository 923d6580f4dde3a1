import { z } from 'zod';
import { name, positionText, sha256 } from '#commands/fields.ts';
import { dappCommand } from './dapp-command.ts';
import { requireDeploy } from './deploys.ts';
import { DAPP_STATES } from './state.ts';

/** Brings back what a dapp served at a position, and its state; a dapp that was deleted since is there again. */
export const revertDapp = dappCommand({
  type: 'RevertDapp',
  revertOnly: true,
  takesDeleted: true,
  schema: z.strictObject({
    dapp: name,
    to: positionText,
    state: z.enum(DAPP_STATES),
    published: sha256.nullable(),
  }),
  decide: ({ data }, dapp) => {
    const { state, published } = data;
    if (published !== null) requireDeploy(dapp, { dapp: data.dapp, deploy: published });
    if (state === dapp.state && published === dapp.published) return [];
    return [{ type: 'DappReverted', data: { ...data, previous: dapp.published } }];
  },
});
