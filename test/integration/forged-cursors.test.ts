import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeCursor } from '#history/storage/cursor.ts';
import { offsetKey, textKey } from '#history/storage/tree-key.ts';
import { addPhoto } from './photo-fixture.ts';
import { ServerFixture } from './server-fixture.ts';

/** A cursor has a mark against mistakes, which whoever reads the source can make: none may show more than its list. */
const strata = new ServerFixture();
let acme: { Authorization: string };
let head: number;

beforeAll(async () => {
  await strata.start();
  for (const account of ['aaa', 'acme', 'zed']) {
    await strata.call('POST', '/v1/accounts', { account });
    await strata.call('POST', `/v1/accounts/${account}/grants`, { amount: account === 'acme' ? 1 : 1000 });
  }
  acme = { Authorization: `Bearer ${await strata.keyOf('acme')}` };
  await strata.call('PUT', '/v1/boards/wall', { width: 10, height: 10 });
  await strata.call('PUT', '/v1/boards/wall/pixels/1/1', { color: 1 });
  const { photo } = await addPhoto(strata, 'passport', 'acme');
  await strata.call('POST', `/v1/photos/${photo}/erase`);
  await strata.call('POST', '/v1/accounts/zed/erase');
  const { body } = await strata.call('PUT', '/v1/boards/wall/pixels/2/2', { color: 1 });
  head = Number(body.position);
  await strata.read('/v1/boards/wall', body.position);
});
afterAll(() => strata.stop());

const LASTS = [
  '\x00',
  '\x01',
  '\xff',
  'k\x00',
  't',
  textKey('zed/'),
  offsetKey(0),
  offsetKey(2 ** 40),
  '\xff'.repeat(40),
];

test.each(LASTS)('%j shows an account its own entries alone', async (last) => {
  for (const order of ['oldest', 'newest']) {
    const query = JSON.stringify(['entries', 'acme/', order === 'newest']);
    const cursor = writeCursor(query, { offset: head, last });
    const page = await strata.read(`/v1/accounts/acme/entries?order=${order}&cursor=${cursor}`, undefined, acme);
    expect(page.status).toBe(200);
    for (const { amount } of page.body.items) expect(amount).toBe(1);
  }
});

test('a prefix that no key has finds nothing', async () => {
  expect((await strata.read('/v1/diff?in=photos&from=0&prefix=%00')).body).toMatchObject({ items: [], next: null });
});

test.each(LASTS)('%j is answered or refused, and fails nothing', async (last) => {
  const cursor = (query: unknown[]) => writeCursor(JSON.stringify(query), { offset: head, last });
  const changed = Buffer.from(`0 ${head} ${cursor(['photos', 'changes', 0, ''])}`, 'latin1').toString('base64url');
  for (const path of [
    `/v1/boards/wall/pixels/1/1/history?cursor=${cursor(['boards', 'placements', 'wall', 1, 1])}`,
    `/v1/accounts?cursor=${cursor(['accounts', '', false])}`,
    `/v1/diff?in=photos&from=0&cursor=${changed}`,
  ]) {
    expect((await strata.read(path)).status, path).toBeLessThan(500);
  }
});
