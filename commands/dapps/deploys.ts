import { z } from 'zod';
import { count, name, sha256 } from '#commands/fields.ts';
import { dappCommand } from './dapp-command.ts';
import { dappErrors } from './errors.ts';
import type { DappState } from './state.ts';

export const DEPLOYS_MAX = 10_000;

/** A deploy is its content: the same files again are the same deploy, and no new event. */
export const deployDapp = dappCommand({
  type: 'DeployDapp',
  schema: z.strictObject({ dapp: name, deploy: sha256, files: count, bytes: count }),
  uploadOnly: true,
  decide: ({ data }, { deploys }) => {
    if (deploys.includes(data.deploy)) return [];
    if (deploys.length >= DEPLOYS_MAX) {
      throw dappErrors.error('dapp.too-many-deploys', `"${data.dapp}" has ${DEPLOYS_MAX} deploys`);
    }
    return [{ type: 'DappDeployed', data }];
  },
});

/** Swaps the pointer to what is served. */
export const publishDeploy = dappCommand({
  type: 'PublishDeploy',
  schema: z.strictObject({ dapp: name, deploy: sha256 }),
  decide: ({ data }, dapp) => {
    requireDeploy(dapp, data);
    return dapp.published === data.deploy
      ? []
      : [{ type: 'DeployPublished', data: { ...data, previous: dapp.published } }];
  },
});

/** The same swap, backwards: nothing is built. */
export const rollbackDapp = dappCommand({
  type: 'RollbackDapp',
  schema: z.strictObject({ dapp: name, deploy: sha256 }),
  decide: ({ data }, dapp) => {
    requireDeploy(dapp, data);
    return dapp.published === data.deploy
      ? []
      : [{ type: 'DappRolledBack', data: { ...data, previous: dapp.published } }];
  },
});

export const deleteDapp = dappCommand({
  type: 'DeleteDapp',
  schema: z.strictObject({ dapp: name }),
  decide: ({ data }) => [{ type: 'DappDeleted', data }],
});

/** @throws dapp.unknown-deploy */
export function requireDeploy({ deploys }: DappState, { dapp, deploy }: { dapp: string; deploy: string }): void {
  if (!deploys.includes(deploy)) {
    throw dappErrors.error('dapp.unknown-deploy', `"${dapp}" has no deploy ${deploy}`);
  }
}
