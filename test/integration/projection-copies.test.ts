import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ran, strata } from './cli-terminal.ts';
import { ADMIN_KEY, ServerFixture } from './server-fixture.ts';

const ACCOUNTS = 30;

let fixture: ServerFixture;

beforeAll(async () => {
  fixture = await new ServerFixture().start();
  for (let at = 0; at < ACCOUNTS; at++) {
    await fixture.call('POST', '/v1/accounts', { account: `account-${at}` });
    await fixture.call('POST', `/v1/accounts/account-${at}/grants`, { amount: at + 1 });
  }
});

afterAll(() => fixture.stop());

function run(...args: string[]): Promise<Ran> {
  return strata({ STRATA_URL: fixture.url, STRATA_KEY: ADMIN_KEY, STRATA_DATA_DIR: fixture.dir }, ...args);
}

async function projection(name: string) {
  const { body } = await fixture.call('GET', '/v1/projections');
  return body.items.find((item: { projection: string }) => item.projection === name);
}

test('projections are listed with what they hold, for an admin alone', async () => {
  const { out, code } = await run('projections', 'list');
  expect(code).toBe(0);
  expect(out).toMatch(/^accounts@1 at position \d+\n {2}accounts +30 {2}[0-9a-f]{16}$/m);
  await fixture.call('PUT', '/v1/boards/wall', { width: 10, height: 10 });
  const placed = await fixture.call('PUT', '/v1/boards/wall/pixels/1/1', { color: 3 });
  await fixture.read('/v1/boards/wall', placed.body.position);
  const told = await run('projections', 'list', '--fingerprints', '--json');
  const boards = JSON.parse(told.out).items.find((item: { projection: string }) => item.projection === 'boards');
  expect(boards.structures).toMatchObject([
    { name: 'board-settings', kind: 'collection', fingerprint: { count: 1 } },
    { name: 'boards', kind: 'raster', fingerprint: { count: 1, sum: expect.stringMatching(/^[0-9a-f]{64}$/) } },
  ]);
  expect((await projection('boards')).structures[1].fingerprint).toBeNull();
  const key = await fixture.keyOf('account-1');
  for (const [method, path] of [
    ['GET', '/v1/projections'],
    ['POST', '/v1/projections/accounts/rebuild'],
    ['POST', '/v1/projections/accounts/promote'],
  ] as const) {
    expect(await fixture.call(method, path, undefined, { Authorization: `Bearer ${key}` })).toMatchObject({
      status: 403,
      body: { code: 'auth.forbidden' },
    });
  }
});

test('what cannot be rebuilt or promoted is refused by name', async () => {
  expect(await fixture.call('POST', '/v1/projections/none/rebuild')).toMatchObject({
    status: 404,
    body: { code: 'projection.unknown' },
  });
  expect(await fixture.call('POST', '/v1/projections/dapps/promote')).toMatchObject({
    status: 409,
    body: { code: 'projection.not-rebuilt' },
  });
  expect(await run('replay', '--projection', 'none')).toMatchObject({
    code: 2,
    err: expect.stringContaining('there is no projection "none": there are accounts, boards'),
  });
});

test('a damaged document is found by a replay, and mended by a rebuild, beside the running server', async () => {
  const equal = await run('replay');
  expect(equal.out).toMatch(/^ {2}equal {6}accounts@1 accounts: 30 documents, [0-9a-f]{16}$/m);
  expect(equal.code).toBe(0);
  const before = await fixture.call('GET', '/v1/accounts/account-7');

  await fixture.server.close();
  const path = join(fixture.dir, 'projections', 'accounts@1', 'accounts.0.versions');
  const bytes = readFileSync(path);
  bytes.write('X', bytes.indexOf('"account-7"') + 1);
  writeFileSync(path, bytes);
  await fixture.start();
  expect((await fixture.call('GET', '/v1/accounts/account-7')).status).toBe(500);

  const different = await run('replay', '--json', '--projection', 'accounts');
  expect(different.code).toBe(1);
  const [accounts] = JSON.parse(different.out).projections[0].structures;
  expect(accounts).toMatchObject({
    name: 'accounts',
    equal: false,
    live: null,
    first: { key: 'account-7', eventType: 'AccountOpened', live: 'cannot be read' },
    foldedApart: null,
  });
  const { position } = accounts.first;
  const opened = await fixture.call('GET', '/v1/streams/account-account-7');
  expect(position).toBe(opened.body.items[0].position);
  expect((await run('replay')).out).toContain(`first at position ${position}, AccountOpened, account-7`);

  const rebuilt = await run('projections', 'rebuild', 'accounts', '--promote');
  expect(rebuilt).toMatchObject({ code: 0, out: expect.stringContaining('accounts@1.2 at position') });
  expect(await projection('accounts')).toMatchObject({ version: 1, generation: 2, rebuild: null });
  const after = await fixture.call('GET', '/v1/accounts/account-7');
  expect(after).toMatchObject({ status: 200, body: before.body });
  expect(after.headers.get('etag')).not.toBe(before.headers.get('etag'));
  expect((await run('replay')).code).toBe(0);
  const { body } = await fixture.call('GET', '/v1/streams/projection-accounts');
  expect(body.items).toMatchObject([
    { type: 'ProjectionPromoted', data: { projection: 'accounts', version: 1, generation: 2 }, actor: 'admin' },
  ]);
});

test('the rebuilt copy serves after a restart, and may be rebuilt again', async () => {
  await fixture.restart();
  expect(await projection('accounts')).toMatchObject({ generation: 2, rebuild: null });
  await fixture.call('POST', '/v1/accounts/account-7/grants', { amount: 5 });
  expect((await run('projections', 'rebuild', 'accounts', '--no-wait')).code).toBe(0);
  await expect.poll(async () => (await projection('accounts')).rebuild?.isCaughtUp).toBe(true);
  expect(await run('projections', 'promote', 'accounts')).toMatchObject({
    code: 0,
    out: expect.stringContaining('accounts@1.3'),
  });
  expect((await fixture.call('GET', '/v1/accounts/account-7')).body).toMatchObject({ granted: 13 });
});

test('a replay at a time, a position and a ref compares with what was then', async () => {
  await fixture.call('PUT', '/v1/refs/launch', { position: '20' });
  await fixture.read('/v1/refs/launch', (await fixture.call('PUT', '/v1/refs/later', {})).body.position);
  for (const [when, position] of [
    ['20', '20'],
    ['refs/launch', '20'],
  ] as const) {
    const { out, code } = await run('replay', '--to', when, '--json');
    expect({ code, report: JSON.parse(out) }).toMatchObject({ code: 0, report: { position, equal: true } });
  }
  expect(await run('replay', '--to', '-PT1S')).toMatchObject({ code: 0 });
  expect(await run('replay', '--to', '99999')).toMatchObject({
    code: 1,
    err: expect.stringContaining('the log ends at'),
  });
});
