import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyPatch } from 'rfc6902';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { diff, diffCounts, openStrata, type Strata, type StrataDb } from '#src/strata.ts';

const dir = mkdtempSync(join(tmpdir(), 'strata-embedded-'));
const KEY = 'an-admin-key-for-tests';
let strata: Strata;
beforeAll(async () => {
  strata = await openStrata({ STRATA_DATA_DIR: dir, STRATA_ADMIN_KEY: KEY });
});
afterAll(async () => {
  await strata.close();
  rmSync(dir, { recursive: true, force: true });
});

test('a value stays as it is, and its verbs make others', async () => {
  const empty = await strata.db();
  const opened = await strata.send('OpenAccount', { account: 'acme' });
  await strata.send('GrantCredits', { account: 'acme', amount: 100 });
  const db = await strata.db();
  await strata.send('DebitCredits', { account: 'acme', amount: 40, operation: 'upload' });
  await strata.send('OpenAccount', { account: 'zeta' });
  const now = await strata.db();

  expect(await empty.count('accounts')).toBe(0);
  expect(await empty.get('accounts', 'acme')).toBeNull();
  expect(await db.get('accounts', 'acme')).toMatchObject({ available: 100 });
  expect(await now.get('accounts', 'acme')).toMatchObject({ available: 60, spent: 40 });
  expect(await db.asOf(opened.position).get('accounts', 'acme')).toMatchObject({ granted: 0 });
  expect(await db.asOf(opened.position).position()).toBe(opened.position);
  // A value knows nothing after its own position.
  expect(await db.asOf(await now.position()).position()).toBe(await db.position());
  expect(await now.asOf(new Date(0)).count('accounts')).toBe(0);
  expect(await Array.fromAsync(now.list('accounts'))).toHaveLength(2);
  const since = now.since(await db.position());
  expect((await Array.fromAsync(since.list('accounts'))).map(({ account }) => account)).toEqual(['acme', 'zeta']);
  expect(await now.since(await now.position()).get('accounts', 'acme')).toBeNull();
  expect((await Array.fromAsync(since.history('accounts', 'acme'))).map(({ type }) => type)).toEqual([
    'CreditsDebited',
  ]);
  const history = await Array.fromAsync(now.history('accounts', 'acme'));
  expect(history.map(({ type }) => type)).toEqual(['CreditsDebited', 'CreditsGranted', 'AccountOpened']);

  const changes = await Array.fromAsync(diff(db, now, { in: 'accounts' }));
  expect(changes.map(({ key, change }) => [key, change])).toEqual([
    ['acme', 'changed'],
    ['zeta', 'added'],
  ]);
  expect(await diffCounts(db, now, { in: 'accounts' })).toEqual({ added: 1, removed: 0, changed: 1 });
  const before = { ...changes[0]!.before! };
  expect(applyPatch(before, [...changes[0]!.patch!])).toEqual([null, null]);
  expect(before).toEqual(changes[0]!.after);
  await expect(Array.fromAsync(diff(now, db, { in: 'accounts' }))).rejects.toMatchObject({ code: 'history.range' });
});

test('what is supposed is read, compared and built upon, and never happened', async () => {
  const debit = (amount: number) => ({ type: 'DebitCredits', data: { account: 'acme', amount, operation: 'pin' } });
  const db = await strata.db();
  const supposed = db.with([debit(10), { type: 'OpenAccount', data: { account: 'nova' } }]);
  const further = supposed.with([debit(20)]);
  expect(await supposed.get('accounts', 'acme')).toMatchObject({ available: 50 });
  expect(await further.get('accounts', 'acme')).toMatchObject({ available: 30 });
  expect(await further.count('accounts')).toBe(3);
  const versions = await Array.fromAsync(further.history('accounts', 'acme'));
  expect(versions.map(({ type, position }) => [type, position]).slice(0, 3)).toEqual([
    ['CreditsDebited', null],
    ['CreditsDebited', null],
    ['CreditsDebited', expect.any(String)],
  ]);
  const keys = async (a: StrataDb, b: StrataDb) =>
    (await Array.fromAsync(diff(a, b, { in: 'accounts' }))).map(({ key, change }) => `${key} ${change}`).sort();
  expect(await keys(db, further)).toEqual(['acme changed', 'nova added']);
  expect(await keys(supposed, further)).toEqual(['acme changed']);
  await expect(keys(further, supposed)).rejects.toMatchObject({ code: 'history.range' });
  await expect(keys(supposed, await strata.db())).rejects.toMatchObject({ code: 'history.range' });
  expect(await further.position()).toBe(await db.position());
  expect(await further.asOf(await db.position()).count('accounts')).toBe(3);
  await expect(db.with([debit(1000)]).count('accounts')).rejects.toMatchObject({ code: 'credits.insufficient' });
  expect(await (await strata.db()).get('accounts', 'acme')).toMatchObject({ available: 60 });
});

test('what it reads is what HTTP answers', async () => {
  await strata.send('CreateBoard', { board: 'wall', width: 16, height: 16 });
  await strata.send('SetRef', { ref: 'blank' });
  await strata.send('PlacePixel', { board: 'wall', x: 3, y: 4, color: 5 });
  const db = await strata.db();
  const headers = { Authorization: `Bearer ${KEY}` };
  for (const path of ['/v1/accounts/acme', '/v1/boards/wall/pixels/3/4', '/v1/refs', '/v1/accounts/acme/entries']) {
    const answer = await fetch(strata.url + path, { headers });
    expect(await db.read(path)).toEqual(await answer.json());
    const then = await fetch(`${strata.url}${path}?asOf=refs/blank`, { headers });
    expect(await db.asOf('refs/blank').read(path)).toEqual(await then.json());
  }
  const png = await fetch(`${strata.url}/v1/boards/wall.png`);
  expect(Buffer.from((await db.read('/v1/boards/wall.png')) as Uint8Array)).toEqual(
    Buffer.from(await png.arrayBuffer()),
  );
  expect((await Array.fromAsync(db.refs())).map(({ ref }) => ref)).toEqual(['blank']);
  await expect(db.read('/v1/nothing')).rejects.toMatchObject({ code: 'request.unknown-route' });
  expect(() => db.list('pictures')).toThrow('pictures');
  await expect(db.asOf('refs/none').count('accounts')).rejects.toMatchObject({ code: 'ref.unknown' });
  await expect(strata.send('OpenAccount', { account: 'acme' })).rejects.toMatchObject({ code: 'account.exists' });
});
