import { expect, test } from 'vitest';
import { accounts } from '#commands/accounts/domain.ts';
import { happened, specify } from '#commands/specification.ts';
import { ADMIN, holderOf, World } from '#commands/world.ts';
import { DEPLOYS_MAX } from './deploys.ts';
import { dapps } from './domain.ts';

const { given } = specify({ ...dapps, events: [...dapps.events, ...accounts.events] }, ({ type, data }) =>
  type === 'AccountOpened' ? `account-${data.account}` : `dapp-${data.dapp}`,
);

const one = 'a'.repeat(64);
const two = 'b'.repeat(64);
const studio = happened('AccountOpened', { account: 'studio', contact: null });
const created = happened('DappCreated', { dapp: 'site', account: 'studio', title: null });
const deployed = (deploy: string) => happened('DappDeployed', { dapp: 'site', deploy, files: 2, bytes: 30 });
const published = (deploy: string, previous: string | null) =>
  happened('DeployPublished', { dapp: 'site', deploy, previous });
const deleted = happened('DappDeleted', { dapp: 'site' });
const holder = { as: holderOf('studio') };
const other = { as: holderOf('other') };

test('a dapp is created for an account that is there', () => {
  given(studio)
    .when('CreateDapp', { dapp: 'site', account: 'studio', title: 'Site' })
    .then(happened('DappCreated', { dapp: 'site', account: 'studio', title: 'Site' }));
  given().when('CreateDapp', { dapp: 'site', account: 'studio' }).thenRefused('dapp.unknown-account');
  given(studio).when('CreateDapp', { dapp: 'site' }).thenRefused('dapp.account-required');
});

test('an account creates dapps for itself', () => {
  given().when('CreateDapp', { dapp: 'site' }, holder).then(created);
  given().when('CreateDapp', { dapp: 'site', account: 'studio' }, holder).then(created);
  given(studio).when('CreateDapp', { dapp: 'site', account: 'studio' }, other).thenRefused('dapp.unknown-account');
});

test('a name is given once, and never again after deletion', () => {
  given(studio, created).when('CreateDapp', { dapp: 'site', account: 'studio' }).thenRefused('dapp.exists');
  given(created).when('CreateDapp', { dapp: 'site' }, other).thenRefused('dapp.exists');
  given(created, deleted).when('CreateDapp', { dapp: 'site' }, holder).thenRefused('dapp.deleted');
});

test.each([
  { dapp: 'Site' },
  { dapp: 'abcdef012345--site' },
  { dapp: 'site', title: 'x'.repeat(201) },
  { dapp: 'site', files: 1 },
])('a dapp of the wrong shape is refused: %j', (data) => {
  given(studio)
    .when('CreateDapp', { account: 'studio', ...data })
    .thenRefused('request.invalid');
});

test('the same content again is the same deploy', () => {
  const data = { dapp: 'site', deploy: one, files: 2, bytes: 30 };
  given(created).when('DeployDapp', data, holder).then(deployed(one));
  given(created, deployed(one)).when('DeployDapp', data, holder).thenNothing();
  expect(new World(dapps).command('DeployDapp').uploadOnly).toBe(true);
});

test('deploys are bounded in number', () => {
  const many = Array.from({ length: DEPLOYS_MAX }, (_, at) => deployed(at.toString(16).padStart(64, '0')));
  given(created, ...many)
    .when('DeployDapp', { dapp: 'site', deploy: one, files: 2, bytes: 30 })
    .thenRefused('dapp.too-many-deploys');
});

test('publishing swaps the pointer, and rollback swaps it back', () => {
  const past = [created, deployed(one), deployed(two)];
  given(...past)
    .when('PublishDeploy', { dapp: 'site', deploy: one }, holder)
    .then(published(one, null));
  given(...past, published(one, null))
    .when('PublishDeploy', { dapp: 'site', deploy: two })
    .then(published(two, one));
  given(...past, published(one, null), published(two, one))
    .when('RollbackDapp', { dapp: 'site', deploy: one })
    .then(happened('DappRolledBack', { dapp: 'site', deploy: one, previous: two }));
  given(...past, published(one, null))
    .when('PublishDeploy', { dapp: 'site', deploy: one })
    .thenNothing();
  given(...past, published(one, null))
    .when('RollbackDapp', { dapp: 'site', deploy: one })
    .thenNothing();
});

test.each(['PublishDeploy', 'RollbackDapp'])('%s takes a deploy of the dapp', (type) => {
  given(created, deployed(one)).when(type, { dapp: 'site', deploy: two }).thenRefused('dapp.unknown-deploy');
  given(created, deployed(one)).when(type, { dapp: 'site', deploy: 'latest' }).thenRefused('request.invalid');
});

test('a deleted dapp takes nothing any more', () => {
  given(created).when('DeleteDapp', { dapp: 'site' }, holder).then(deleted);
  for (const [type, data] of commands)
    given(created, deployed(one), deleted).when(type, data).thenRefused('dapp.deleted');
});

test('what is not there, or is another account’s, is unknown', () => {
  for (const [type, data] of commands) {
    given().when(type, data, { as: ADMIN }).thenRefused('dapp.unknown');
    given(created, deployed(one)).when(type, data, other).thenRefused('dapp.unknown');
  }
});

const commands = [
  ['DeployDapp', { dapp: 'site', deploy: one, files: 2, bytes: 30 }],
  ['PublishDeploy', { dapp: 'site', deploy: one }],
  ['RollbackDapp', { dapp: 'site', deploy: one }],
  ['DeleteDapp', { dapp: 'site' }],
] as const;

test('a revert brings back what was served, of a deleted dapp too', () => {
  const reverted = (state: string, deploy: string | null, previous: string | null) =>
    happened('DappReverted', { dapp: 'site', to: '7', state, published: deploy, previous });
  const data = { dapp: 'site', to: '7', state: 'published', published: one };
  given(created, deployed(one), deployed(two), published(two, null))
    .when('RevertDapp', data, holder)
    .then(reverted('published', one, two));
  given(created, deployed(one), published(one, null), deleted)
    .when('RevertDapp', data, holder)
    .then(reverted('published', one, null));
  given(created, deployed(one), published(one, null))
    .when('RevertDapp', { ...data, state: 'created', published: null })
    .then(reverted('created', null, one));
  given(created, deployed(one), published(one, null)).when('RevertDapp', data).thenNothing();
  given(created).when('RevertDapp', data).thenRefused('dapp.unknown-deploy');
  given(created).when('RevertDapp', data, other).thenRefused('dapp.unknown');
});
