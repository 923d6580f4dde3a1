import { z } from 'zod';
import { dappErrors } from '#commands/dapps/errors.ts';
import { DAPP_STATES } from '#commands/dapps/state.ts';
import type { Db, Page, Version } from '#history/db.ts';
import type { QueryContext, QueryRoute, Reader } from '#history/routes.ts';
import { defineQuery, listOf, listQuery, listReading, mayRead, noQuery, pageOf, parsed } from '#projections/queries.ts';
import { DEPLOYS, type DeployDocument, deployLabel } from './deploys.ts';
import { DAPPS, type DappDocument } from './registry.ts';

const dapp = z.object({
  dapp: z.string(),
  account: z.string(),
  title: z.string().nullable(),
  state: z.enum(DAPP_STATES),
  published: z.string().nullable(),
  url: z.string(),
  createdAt: z.string(),
});

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
    answers: listOf(dapp),
    read: ({ db, query, reader, dappUrl }) =>
      listReading(db, listed(db, reader, query), (version) => described(version, dappUrl)),
  }),
  defineQuery({
    path: '/v1/dapps/{dapp}',
    summary: 'A dapp',
    public: true,
    query: noQuery,
    answers: dapp,
    read: ({ db, params, reader, dappUrl }) => {
      const version = db.collection(DAPPS).get(params.dapp!);
      if (version === null || !isVisible(version, reader)) throw unknown(params.dapp!);
      const lastChange = (at: Db) => at.collection(DAPPS).lastChange(version.key);
      return { offset: version.offset, body: described(version, dappUrl), lastChange };
    },
  }),
  defineQuery({
    path: '/v1/dapps/{dapp}/deploys',
    summary: "A dapp's deploys, oldest first, each with the address that it has for ever",
    public: false,
    query: listQuery,
    answers: listOf(deploy),
    read: ({ db, params, query, reader, dappUrl }) => {
      const owner = db.collection(DAPPS).get(params.dapp!);
      if (owner === null || !isOwn(owner, reader)) throw unknown(params.dapp!);
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

function listed(db: Db, { role, account }: Reader, query: z.infer<typeof listQuery>): Page {
  const dapps = db.collection(DAPPS);
  if (role === 'admin') return dapps.scan({ prefix: '', ...pageOf(query) });
  if (account !== null) return dapps.list({ index: 'account', value: account, ...pageOf(query) });
  return dapps.list({ index: 'published', value: 'yes', ...pageOf(query) });
}

function described(version: Version, dappUrl: QueryContext['dappUrl']) {
  const { dapp, account, title, state, published, createdAt } = parsed<DappDocument>(version);
  return { dapp, account, title, state, published, url: dappUrl(dapp), createdAt };
}

function isVisible(version: Version, reader: Reader): boolean {
  return parsed<DappDocument>(version).state === 'published' || isOwn(version, reader);
}

function isOwn(version: Version, reader: Reader): boolean {
  return mayRead(reader, parsed<DappDocument>(version).account);
}

function unknown(dapp: string) {
  return dappErrors.error('dapp.unknown', `there is no dapp "${dapp}"`);
}
