import { readdir, readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { domains } from '#src/domains.ts';
import { ServerFixture } from './server-fixture.ts';

type Headers = Record<string, string>;

const strata = new ServerFixture();
const NOBODY: Headers = { Authorization: '' };
let acme: Headers;
let other: Headers;
/** A photo of acme's. */
let photo: string;
/** An album of acme's. */
let album: string;

beforeAll(async () => {
  await strata.start();
  for (const account of ['acme', 'other']) {
    await strata.call('POST', '/v1/accounts', { account });
    await strata.call('POST', `/v1/accounts/${account}/grants`, { amount: 100 });
  }
  acme = { Authorization: `Bearer ${await strata.keyOf('acme')}` };
  other = { Authorization: `Bearer ${await strata.keyOf('other')}` };
  await strata.call('PUT', '/v1/refs/launch', {});
  await strata.call('PUT', '/v1/boards/wall', { width: 10, height: 10 });
  await strata.call('PUT', '/v1/dapps/draft', {}, acme);
  await strata.call('POST', '/v1/accounts/acme/holds', { hold: 'h', amount: 10, ttlSeconds: 600 }, acme);
  const added = await strata.call('POST', '/v1/photos?fileName=red.png', await picture(200), {
    ...acme,
    'Content-Type': 'image/png',
  });
  photo = added.body.photo;
  const created = await strata.call('POST', '/v1/albums', { title: 'Summer' }, acme);
  album = created.body.album;
  await strata.read(`/v1/photos/${photo}`, created.body.position);
});
afterAll(() => strata.stop());

function picture(red: number): Promise<Buffer> {
  return sharp({ create: { width: 4, height: 3, channels: 3, background: { r: red, g: 0, b: 0 } } })
    .png()
    .toBuffer();
}

/** The address of a declared route, with what belongs to acme in it. */
function address(path: string): string {
  const names: { readonly [name: string]: string } = {
    account: 'acme',
    album,
    board: 'wall',
    dapp: 'draft',
    hold: 'h',
    key: 'k',
    photo,
    ref: 'launch',
    x: '1',
    y: '1',
  };
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => names[name]!);
}

test('without a key nothing is writable', async () => {
  for (const { method, path } of domains.flatMap(({ commandRoutes }) => commandRoutes)) {
    const answer = await strata.call(method, address(path), undefined, NOBODY);
    expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 401, 'auth.required']);
  }
});

test('without a key only what is public is readable', async () => {
  for (const { path, public: isPublic } of domains.flatMap(({ queryRoutes }) => queryRoutes)) {
    const { status } = await strata.read(address(path), undefined, NOBODY);
    // A dapp that is not published is there for its owner only.
    const expected = path === '/v1/dapps/{dapp}' ? 404 : isPublic ? 200 : 401;
    expect([path, status]).toEqual([path, expected]);
  }
});

test('the owner reads all that is theirs', async () => {
  for (const { path } of domains.flatMap(({ queryRoutes }) => queryRoutes)) {
    const { status } = await strata.read(address(path), undefined, acme);
    // Refs are the admin's: an account's key may not list them, and finds none.
    const ofRefs = path === '/v1/refs' ? 403 : 404;
    expect([path, status]).toEqual([path, path.startsWith('/v1/refs') ? ofRefs : 200]);
  }
});

test('what belongs to another account is not there', async () => {
  const paths = [
    '/v1/accounts/acme',
    '/v1/accounts/acme/entries',
    '/v1/accounts/acme/history',
    '/v1/dapps/draft',
    '/v1/dapps/draft/history',
    '/v1/dapps/draft/deploys',
    `/v1/photos/${photo}`,
    `/v1/photos/${photo}/history`,
    `/v1/photos/${photo}/original`,
    '/v1/photos?account=acme',
  ];
  for (const path of paths) expect([path, (await strata.read(path, undefined, other)).status]).toEqual([path, 404]);
  const writes = [
    ['POST', '/v1/accounts/acme/debits', { amount: 1, operation: 'pin' }],
    ['POST', '/v1/accounts/acme/holds', { hold: 'i', amount: 1, ttlSeconds: 60 }],
    ['POST', '/v1/accounts/acme/holds/h/settle', { amount: 1 }],
    ['DELETE', '/v1/accounts/acme/holds/h', undefined],
    ['PUT', '/v1/dapps/taken', { account: 'acme' }],
    ['POST', '/v1/dapps/draft/publish', { deploy: 'a'.repeat(64) }],
    ['DELETE', '/v1/dapps/draft', undefined],
    ['PATCH', `/v1/photos/${photo}`, { set: { title: 'mine' } }],
    ['DELETE', `/v1/photos/${photo}`, undefined],
    ['POST', `/v1/photos/${photo}/restore`, undefined],
  ] as const;
  for (const [method, path, body] of writes) {
    const { status } = await strata.call(method, path, body, other);
    expect([method, path, status]).toEqual([method, path, 404]);
  }
  expect((await strata.read('/v1/photos', undefined, other)).body).toEqual({ items: [], next: null });
  expect((await strata.read('/v1/accounts', undefined, other)).body.items).toMatchObject([{ account: 'other' }]);
});

test('an account’s key does not do what is the admin’s', async () => {
  const commands = [
    ['POST', '/v1/accounts', { account: 'more' }],
    ['POST', '/v1/accounts/acme/grants', { amount: 1 }],
    ['POST', '/v1/accounts/acme/keys', {}],
    ['DELETE', '/v1/accounts/acme/keys/k', undefined],
    ['PUT', '/v1/boards/more', { width: 1, height: 1 }],
    ['PUT', '/v1/refs/launch', {}],
    ['DELETE', '/v1/refs/launch', undefined],
  ] as const;
  for (const [method, path, body] of commands) {
    const answer = await strata.call(method, path, body, acme);
    expect([path, answer.status, answer.body.code]).toEqual([path, 403, 'auth.forbidden']);
  }
});

test('knowing a hash does not give what it names', async () => {
  const { sha256 } = (await strata.read(`/v1/photos/${photo}`, undefined, acme)).body;
  const data = { library: 'other', sha256, bytes: 1, mediaType: 'image/png', width: 1, height: 1 };
  const nothing = { takenAt: null, location: null, exif: null, fileName: null };
  const claims = [
    { type: 'AddPhoto', data: { ...data, ...nothing } },
    { type: 'DeployDapp', data: { dapp: 'draft', deploy: sha256, files: 1, bytes: 1 } },
  ];
  for (const claim of claims) {
    expect(await strata.call('POST', '/v1/commands', claim, other)).toMatchObject({
      status: 403,
      body: { code: 'auth.forbidden' },
    });
  }
});

test('who placed a pixel is told to everyone', async () => {
  const placed = await strata.call('PUT', '/v1/boards/wall/pixels/3/4', { color: 2 }, acme);
  const pixel = await strata.read('/v1/boards/wall/pixels/3/4', placed.body.position, NOBODY);
  expect(pixel.body).toMatchObject({ color: 2, actor: 'account:acme', position: placed.body.position });
});

test('the same bytes are another photo in another library', async () => {
  const upload = { ...other, 'Content-Type': 'image/png' };
  const added = await strata.call('POST', '/v1/photos', await picture(200), upload);
  expect(added).toMatchObject({ status: 201, body: { duplicate: false } });
  expect(added.body.photo).not.toBe(photo);
});

test('what is personal stands sealed on the log, and is opened for its owner', async () => {
  const edited = await strata.call('PATCH', `/v1/photos/${photo}`, { set: { title: 'Very private' } }, acme);
  expect(edited.body.events[0].data).toMatchObject({ title: 'Very private' });
  expect((await strata.read(`/v1/photos/${photo}`, edited.body.position, acme)).body.title).toBe('Very private');
  for (const file of await readdir(strata.dir, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const bytes = await readFile(`${file.parentPath}/${file.name}`);
    expect(bytes.includes('Very private'), file.name).toBe(false);
    expect(bytes.includes('red.png'), file.name).toBe(false);
  }
});
