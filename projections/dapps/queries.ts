import { z } from 'zod';
import type { Page } from '#history/db.ts';
import { isOwn } from '#history/items/item-visibility.ts';
import type { QueryContext, QueryRoute } from '#history/routes.ts';
import { itemRoutes } from '#projections/item-routes.ts';
import { defineQuery, listOf, listQuery, listReading, pageOf, parsed } from '#projections/queries.ts';
import { DEPLOYS, type DeployDocument, deployLabel } from './deploys.ts';
import { dappItems, isPublished, showDapp } from './items.ts';
import { DAPPS, type DappDocument } from './registry.ts';

const deploy = z.object({
  deploy: z.string(),
  files: z.int(),
  bytes: z.int(),
  published: z.boolean(),
  url: z.string().nullable(),
  deployedAt: z.string(),
});

/** Published dapps are there for everyone; the rest is its owner's and the admin's. */
export const dappQueries: readonly QueryRoute[] = [
  defineQuery({
    path: '/v1/dapps',
    summary: "The key's own dapps by name; without a key those that are published",
    public: true,
    query: listQuery,
    answers: listOf(dappItems.shape),
    read: (context) => listReading(context.db, listed(context, context.query), (version) => showDapp(version, context)),
  }),
  ...itemRoutes(dappItems),
  defineQuery({
    path: '/v1/dapps/{dapp}/deploys',
    summary: "A dapp's deploys, oldest first, each with the address that it has for ever",
    public: false,
    query: listQuery,
    answers: listOf(deploy),
    read: ({ db, params, query, reader, dappUrl }) => {
      const owner = db.collection(DAPPS).get(params.dapp!);
      if (owner === null || !isOwn(dappItems, owner, reader)) throw dappItems.unknown(params.dapp!);
      const { dapp: name, published } = parsed<DappDocument>(owner);
      const page = db.collection(DEPLOYS).list({ index: 'dapp', value: name, ...pageOf(query) });
      return listReading(db, page, (version) => {
        const { deploy, files, bytes, deployedAt } = parsed<DeployDocument>(version);
        const label = deployLabel(name, deploy);
        const url = label === null ? null : dappUrl(label);
        return { deploy, files, bytes, published: deploy === published, url, deployedAt };
      });
    },
  }),
];

type Listing = Pick<QueryContext, 'db' | 'now' | 'reader'>;

function listed({ db, now, reader: { role, account } }: Listing, query: z.infer<typeof listQuery>): Page {
  const dapps = db.collection(DAPPS);
  if (role === 'admin') return dapps.scan({ prefix: '', ...pageOf(query) });
  if (account !== null) return dapps.list({ index: 'account', value: account, ...pageOf(query) });
  // What was public then and no longer is, is not public then either.
  const isStill = (bytes: Buffer) => {
    const current = now.collection(DAPPS).get((JSON.parse(bytes.toString('utf8')) as DappDocument).dapp);
    return current !== null && isPublished(current);
  };
  return dapps.list({ index: 'published', value: 'yes', ...(!db.current && { where: isStill }), ...pageOf(query) });
}
