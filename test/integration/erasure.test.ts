import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { readSubjectKeys } from '#events/subject-key-files.ts';
import { type Answered, ServerFixture } from './server-fixture.ts';

/** Blobs go at once when nothing names them. */
const SOON = { STRATA_BLOB_GRACE_SECONDS: '0' };
const WITHIN = { timeout: 20_000 };

let strata: ServerFixture;

beforeEach(async () => {
  strata = await new ServerFixture().start(SOON);
});

afterEach(async () => {
  await strata.stop();
});

let pictures = 0;

/** A PNG that no other is like. */
async function picture(): Promise<Buffer> {
  pictures += 1;
  const background = { r: pictures, g: 2, b: 3 };
  return await sharp({ create: { width: 8, height: 6, channels: 3, background } })
    .png()
    .toBuffer();
}

async function upload(bytes: Buffer, library: string): Promise<{ photo: string; sha256: string; position: string }> {
  const path = `/v1/photos?account=${library}&fileName=passport.png`;
  const { status, body } = await strata.call('POST', path, bytes, { 'Content-Type': 'image/png' });
  expect(status).toBe(201);
  return body;
}

async function done(method: string, path: string, body?: unknown): Promise<Answered> {
  const answer = await strata.call(method, path, body);
  expect(answer).toMatchObject({ status: expect.toSatisfy((status) => status === 200 || status === 201) });
  return answer.body;
}

/** The names of files below the data folder that hold these bytes. */
function filesWith(bytes: string | Buffer): string[] {
  return readdirSync(strata.dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => readFileSync(path).includes(bytes))
    .map((path) => path.slice(strata.dir.length + 1));
}

function isBlob(sha256: string): boolean {
  return existsSync(join(strata.dir, 'blobs', sha256.slice(0, 2), sha256.slice(2, 4), sha256));
}

/** `null` once it is destroyed, undefined where it was never made. */
async function keyOf(subject: string): Promise<Buffer | null | undefined> {
  for await (const kept of readSubjectKeys(join(strata.dir, 'keys'))) if (kept.subject === subject) return kept.key;
  return undefined;
}

async function eventsOf(stream: string): Promise<Answered[]> {
  return (await done('GET', `/v1/streams/${stream}`)).items;
}

async function status(path: string): Promise<unknown> {
  const answer = await strata.read(path);
  return answer.status === 200 ? 200 : [answer.status, answer.body.code];
}

const GONE = [410, 'history.erased'];

test('an erased photo is gone at every position, and the log says that it was there', async () => {
  await done('POST', '/v1/accounts', { account: 'acme' });
  const { photo } = await upload(await picture(), 'acme');
  const set = { title: 'Grandmother', location: { latitude: 46.5, longitude: 8 } };
  const { position } = await done('PATCH', `/v1/photos/${photo}`, { set, addTags: ['unmistakable'] });
  const album = await done('POST', '/v1/albums?account=acme', { title: 'Family' });
  await done('PUT', `/v1/albums/${album.album}/photos/${photo}`);
  const ref = await done('PUT', '/v1/refs/before', { position });
  const read = await strata.read(`/v1/photos/${photo}`, ref.position);
  expect(read.body).toMatchObject({ title: 'Grandmother', tags: ['unmistakable'] });

  const erased = await done('POST', `/v1/photos/${photo}/erase`);
  expect(erased.events).toMatchObject([{ type: 'PhotoErased', data: { photo, library: 'acme' } }]);
  for (const asOf of ['', `asOf=${position}`, 'asOf=refs/before', `asOf=${erased.position}`]) {
    expect(await status(`/v1/photos/${photo}?${asOf}`)).toEqual(GONE);
    expect(await status(`/v1/photos/${photo}/history?${asOf}`)).toEqual(GONE);
    expect(await status(`/v1/photos/${photo}/original?${asOf}`)).toEqual(GONE);
    for (const filter of ['', '&tag=unmistakable']) {
      expect((await strata.read(`/v1/photos?account=acme${filter}&${asOf}`)).body.items).toEqual([]);
    }
  }
  const tagged = { 'If-None-Match': read.headers.get('etag')! };
  expect((await strata.read(`/v1/photos/${photo}`, undefined, tagged)).status).toBe(410);
  expect((await strata.read(`/v1/albums/${album.album}`)).body.photos).toBe(0);
  expect((await strata.read(`/v1/photos?album=${album.album}`)).body.items).toEqual([]);
  for (const [method, path, body] of [
    ['PATCH', '', { set: { title: 'x' } }],
    ['DELETE', ''],
    ['POST', '/revert', { to: position }],
    ['POST', '/erase'],
  ] as const) {
    const refused = await strata.call(method, `/v1/photos/${photo}${path}`, body);
    expect([refused.status, refused.body.code]).toEqual(GONE);
  }

  await expect.poll(() => keyOf(photo), WITHIN).toBeNull();
  const events = await eventsOf(`photo-${photo}`);
  expect(events.map(({ type }) => type)).toEqual(['PhotoAdded', 'PhotoEdited', 'PhotoErased']);
  expect(events[0].data).toMatchObject({ library: 'acme', fileName: null });
  expect(events[1].data).toMatchObject({ title: null, location: null, addedTags: ['unmistakable'] });
  const diff = await done('GET', `/v1/diff?in=photos&from=${position}`);
  expect(diff.items).toMatchObject([{ key: photo, change: 'removed', before: null, after: null, erased: true }]);
});

test('an account erases its own photos, and hears of it; to others none was there', async () => {
  for (const account of ['acme', 'other']) await done('POST', '/v1/accounts', { account });
  const [own, other] = [await strata.keyOf('acme'), await strata.keyOf('other')].map((key) => ({
    Authorization: `Bearer ${key}`,
  }));
  const { photo, position } = await upload(await picture(), 'acme');
  const socket = new WebSocket(`${strata.url.replace('http', 'ws')}/v1/live`, { headers: own });
  const heard: Answered[] = [];
  socket.on('message', (data) => heard.push(JSON.parse(String(data))));
  await once(socket, 'open');
  socket.send(JSON.stringify({ op: 'subscribe', topic: 'photos', after: '0' }));

  const erase = (headers: Record<string, string>) =>
    strata.call('POST', `/v1/photos/${photo}/erase`, undefined, headers);
  expect((await erase(other!)).status).toBe(404);
  expect((await erase(own!)).status).toBe(200);
  for (const path of [`/v1/photos/${photo}`, `/v1/photos/${photo}?asOf=${position}`]) {
    expect((await strata.read(path, undefined, own)).status).toBe(410);
    expect((await strata.read(path, undefined, other)).status).toBe(404);
    expect((await strata.read(path, undefined, { Authorization: '' })).status).toBe(401);
  }
  const removed = { key: photo, change: 'removed', before: null, after: null, patch: null, erased: true };
  const diff = async (query: string, headers = {}) =>
    (await strata.read(`/v1/diff?in=photos&from=${position}${query}`, undefined, headers)).body;
  for (const [query, headers] of [['', own], ['&account=acme']] as const) {
    expect((await diff(query, headers)).items).toMatchObject([removed]);
    expect(await diff(`${query}&summary=true`, headers)).toMatchObject({ removed: 1 });
  }
  expect((await diff('', other)).items).toEqual([]);
  const types = () => heard.flatMap(({ event }) => (event === undefined ? [] : [event.type]));
  await expect.poll(types).toEqual(['PhotoAdded', 'PhotoErased']);
  socket.close();
});

test('nothing personal of an erased photo is left in any file', async () => {
  const { photo, sha256 } = await upload(await picture(), 'default');
  const edited = await done('PATCH', `/v1/photos/${photo}`, {
    set: { title: 'Grandmother' },
    addTags: ['unmistakable'],
  });
  await strata.read(`/v1/photos/${photo}`, edited.position);
  const key = (await keyOf(photo))!;
  expect(filesWith(key)).toEqual(['keys/keys.bin']);
  expect(filesWith('Grandmother')).toEqual([]);
  expect(filesWith(photo)).toContainEqual(expect.stringMatching(/\.versions$/));

  await done('POST', `/v1/photos/${photo}/erase`);
  await expect.poll(() => keyOf(photo), WITHIN).toBeNull();
  await expect.poll(() => isBlob(sha256), WITHIN).toBe(false);
  await strata.server.close();
  expect(filesWith(key)).toEqual([]);
  // Tags are not personal: they stand on the log as they are.
  for (const text of [photo, 'unmistakable']) {
    const found = filesWith(text).filter((name) => !name.startsWith('log/'));
    expect(found.filter((name) => name.includes('photos@'))).toEqual([]);
  }
  await strata.start(SOON);
  expect(await status(`/v1/photos/${photo}`)).toEqual(GONE);
});

test('a blob goes with its last reference', async () => {
  await done('POST', '/v1/accounts', { account: 'acme' });
  const bytes = await picture();
  const [mine, theirs] = [await upload(bytes, 'default'), await upload(bytes, 'acme')];
  const { sha256 } = mine;
  expect(theirs).toMatchObject({ sha256, photo: expect.not.stringMatching(mine.photo) });
  await done('POST', `/v1/photos/${mine.photo}/erase`);
  const { sha256: other } = await upload(await picture(), 'acme').then(async (added) => {
    await done('POST', `/v1/photos/${added.photo}/erase`);
    return added;
  });
  await expect.poll(() => isBlob(other), WITHIN).toBe(false);
  expect((await strata.read(`/v1/photos/${theirs.photo}/original`)).body).toEqual(bytes);

  await done('POST', `/v1/photos/${theirs.photo}/erase`);
  await expect.poll(() => isBlob(sha256), WITHIN).toBe(false);
  const again = await strata.call('POST', '/v1/photos', bytes, { 'Content-Type': 'image/png' });
  expect([again.status, again.body.code]).toEqual(GONE);
});

test('an erased account takes its library with it, and its ledger stays whole', async () => {
  await done('POST', '/v1/accounts', { account: 'acme', contact: 'grandmother@example.com' });
  await done('POST', '/v1/accounts', { account: 'other' });
  const secret = await strata.keyOf('acme');
  await done('POST', '/v1/accounts/acme/grants', { amount: 100 });
  await done('POST', '/v1/accounts/acme/holds', { hold: 'h', amount: 30, ttlSeconds: 60 });
  await done('POST', '/v1/accounts/acme/debits', { amount: 20, operation: 'pin' });
  const photos: Answered[] = [];
  for (let count = 0; count < 3; count += 1) photos.push(await upload(await picture(), 'acme'));
  await done('DELETE', `/v1/photos/${photos[2].photo}`);
  const album = await done('POST', '/v1/albums?account=acme', { title: 'Family' });
  const kept = await upload(await picture(), 'other');
  const before = album.position;

  const erased = await done('POST', '/v1/accounts/acme/erase');
  expect(erased.events.map(({ type }: Answered) => type)).toEqual(['HoldExpired', 'GrantExpired', 'AccountErased']);
  for (const path of ['', '/entries', '/history']) {
    expect(await status(`/v1/accounts/acme${path}`)).toEqual(GONE);
    expect(await status(`/v1/accounts/acme${path}?asOf=${before}`)).toEqual(GONE);
  }
  for (const { photo, sha256 } of photos) {
    await expect.poll(() => status(`/v1/photos/${photo}`), WITHIN).toEqual(GONE);
    await expect.poll(() => keyOf(photo), WITHIN).toBeFalsy();
    await expect.poll(() => isBlob(sha256), WITHIN).toBe(false);
  }
  await expect.poll(() => status(`/v1/albums/${album.album}`), WITHIN).toEqual([404, 'album.unknown']);
  expect((await strata.read(`/v1/albums/${album.album}?asOf=${before}`)).body.title).toBeNull();
  expect(await status(`/v1/photos/${kept.photo}`)).toBe(200);

  const own = { Authorization: `Bearer ${secret}` };
  await expect.poll(async () => (await strata.call('GET', '/v1/photos', undefined, own)).status, WITHIN).toBe(401);
  expect(await keyOf('account:acme')).toBeNull();
  const [opened] = await eventsOf('account-acme');
  expect(opened).toMatchObject({ type: 'AccountOpened', data: { account: 'acme', contact: null } });
  const by = (await eventsOf(`photo-${photos[0].photo}`)).at(-1);
  expect(by).toMatchObject({ type: 'PhotoErased', actor: 'reactor:erasure', causation: erased.events.at(-1).id });
  const refused = await strata.call('POST', '/v1/photos?account=acme', await picture(), {
    'Content-Type': 'image/png',
  });
  expect([refused.status, refused.body.code]).toEqual(GONE);
});
