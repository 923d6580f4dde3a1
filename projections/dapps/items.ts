import { z } from 'zod';
import { dappErrors } from '#commands/dapps/errors.ts';
import { DAPP_STATES } from '#commands/dapps/state.ts';
import type { Version } from '#history/db.ts';
import type { Item, ItemDefinition, Showing } from '#history/items/items.ts';
import { parsed } from '#projections/queries.ts';
import { DAPPS, type DappDocument } from './registry.ts';

/** Published dapps are there for everyone; the rest is its owner's and the admin's. */
export const dappItems: ItemDefinition = {
  name: 'dapps',
  noun: 'a dapp',
  collection: DAPPS,
  path: '/v1/dapps/{dapp}',
  shape: z.object({
    dapp: z.string(),
    account: z.string(),
    title: z.string().nullable(),
    state: z.enum(DAPP_STATES),
    published: z.string().nullable(),
    url: z.string(),
    createdAt: z.string(),
  }),
  show: showDapp,
  owner: (version) => parsed<DappDocument>(version).account,
  isPublic: isPublished,
  count: (dapps, account) => (account === null ? dapps.count('all', 'all') : dapps.count('account', account)),
  unknown: (dapp) => dappErrors.error('dapp.unknown', `there is no dapp "${dapp}"`),
};

export function showDapp(version: Version, { dappUrl }: Pick<Showing, 'dappUrl'>): Item {
  const { dapp, account, title, state, published, createdAt } = parsed<DappDocument>(version);
  return { dapp, account, title, state, published, url: dappUrl(dapp), createdAt };
}

export function isPublished(version: Version): boolean {
  return parsed<DappDocument>(version).state === 'published';
}
