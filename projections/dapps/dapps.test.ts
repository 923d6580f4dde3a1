import { expect, test } from 'vitest';
import { accounts } from '#commands/accounts/domain.ts';
import { dapps } from '#commands/dapps/domain.ts';
import { NOW, World } from '#commands/world.ts';
import { MemoryDb } from '#projections/memory-db.ts';
import { BY_ANYONE, byAccount, Queries } from '#projections/reading.ts';
import { deployLabel, deployOf } from './deploys.ts';
import { publishedDeploy } from './registry.ts';

const one = 'ab'.repeat(32);
const two = 'abcd'.repeat(16);

function registry() {
  const world = new World(accounts, dapps);
  world.send('OpenAccount', { account: 'studio' });
  world.send('CreateDapp', { dapp: 'site', account: 'studio', title: 'Site' });
  world.send('CreateDapp', { dapp: 'draft', account: 'studio' });
  world.send('DeployDapp', { dapp: 'site', deploy: two, files: 2, bytes: 20 });
  world.send('DeployDapp', { dapp: 'site', deploy: one, files: 1, bytes: 10 }, { at: NOW + 1000 });
  world.send('PublishDeploy', { dapp: 'site', deploy: one });
  const db = new MemoryDb(...dapps.projections).fold(world.events);
  return { world, db, queries: new Queries(world, db, dapps.queryRoutes) };
}

const site = {
  dapp: 'site',
  account: 'studio',
  title: 'Site',
  state: 'published',
  published: one,
  url: 'http://site.test/',
  createdAt: '2026-05-01T12:00:00.000Z',
};
const draft = { ...site, dapp: 'draft', title: null, state: 'created', published: null, url: 'http://draft.test/' };

test('published dapps are there for everyone, the rest for their owner and the admin', async () => {
  const { queries } = registry();
  const read = (dapp: string, reader = BY_ANYONE) => queries.body('/v1/dapps/{dapp}', { params: { dapp }, reader });
  expect(await read('site')).toEqual(site);
  expect(await read('draft')).toBe('dapp.unknown');
  expect(await read('draft', byAccount('other'))).toBe('dapp.unknown');
  expect(await read('draft', byAccount('studio'))).toEqual(draft);
  const list = (reader?: typeof BY_ANYONE) => queries.body('/v1/dapps', reader && { reader });
  expect(await list(BY_ANYONE)).toEqual({ items: [site], next: null });
  expect(await list(byAccount('studio'))).toEqual({ items: [draft, site], next: null });
  expect(await list(byAccount('other'))).toEqual({ items: [], next: null });
  expect(await list()).toEqual({ items: [draft, site], next: null });
});

test('deploys are listed for the owner, oldest first', async () => {
  const { queries } = registry();
  const path = '/v1/dapps/{dapp}/deploys';
  const params = { dapp: 'site' };
  expect(await queries.body(path, { params, reader: byAccount('studio') })).toEqual({
    items: [
      {
        deploy: two,
        files: 2,
        bytes: 20,
        published: false,
        url: `http://${two.slice(0, 57)}--site.test/`,
        deployedAt: '2026-05-01T12:00:00.000Z',
      },
      {
        deploy: one,
        files: 1,
        bytes: 10,
        published: true,
        url: `http://${one.slice(0, 57)}--site.test/`,
        deployedAt: '2026-05-01T12:00:01.000Z',
      },
    ],
    next: null,
  });
  expect(await queries.body(path, { params, reader: byAccount('other') })).toBe('dapp.unknown');
  expect(await queries.body(path, { params: { dapp: 'none' } })).toBe('dapp.unknown');
});

test('what is served is the published deploy, and one deploy by the beginning of its hash', () => {
  const { world, db } = registry();
  expect(publishedDeploy(db, 'site')).toEqual({ deploy: one, manifest: one });
  expect(publishedDeploy(db, 'draft')).toBeNull();
  expect(publishedDeploy(db, 'none')).toBeNull();
  expect(deployOf(db, 'site', 'abcd')).toEqual({ deploy: two, manifest: two });
  expect(deployOf(db, 'site', one)).toEqual({ deploy: one, manifest: one });
  expect(deployOf(db, 'site', 'ab')).toBeNull();
  expect(deployOf(db, 'site', '../ab')).toBeNull();
  expect(deployOf(db, 'draft', 'ab')).toBeNull();

  db.fold(world.send('RollbackDapp', { dapp: 'site', deploy: two }).events);
  expect(publishedDeploy(db, 'site')).toEqual({ deploy: two, manifest: two });
  db.fold(world.send('DeleteDapp', { dapp: 'site' }).events);
  expect(publishedDeploy(db, 'site')).toBeNull();
  expect(deployOf(db, 'site', one)).toBeNull();
});

test('a deploy’s label fits into DNS, or there is none', () => {
  expect(deployLabel('site', one)).toHaveLength(63);
  expect(deployLabel('d'.repeat(49), one)).toBe(`${one.slice(0, 12)}--${'d'.repeat(49)}`);
  expect(deployLabel('d'.repeat(50), one)).toBeNull();
});
