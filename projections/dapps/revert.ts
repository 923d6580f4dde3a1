import { z } from 'zod';
import type { RevertRoute } from '#handling/routes.ts';
import { versionToRestore } from '#projections/item-revert.ts';
import { parsed } from '#projections/queries.ts';
import { dappItems } from './items.ts';
import type { DappDocument } from './registry.ts';

export const dappReverts: readonly RevertRoute[] = [
  {
    path: '/v1/dapps/{dapp}/revert',
    command: 'RevertDapp',
    summary: 'Bring back what a dapp served and its state; a dapp that was deleted since is there again',
    body: z.strictObject({}),
    read: (context) => {
      const version = versionToRestore(dappItems, context.params.dapp!, context);
      const { dapp, state, published } = parsed<DappDocument>(version);
      return { dapp, to: context.to, state, published };
    },
  },
];
