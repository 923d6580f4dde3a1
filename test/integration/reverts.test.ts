import { afterAll, beforeAll, expect, test } from 'vitest';
import { addPhoto } from './photo-fixture.ts';
import { type Answered, ServerFixture } from './server-fixture.ts';

const strata = new ServerFixture();
let acme: { Authorization: string };

beforeAll(async () => {
  await strata.start();
  for (const account of ['acme', 'other']) await strata.call('POST', '/v1/accounts', { account });
  acme = { Authorization: `Bearer ${await strata.keyOf('acme')}` };
});
afterAll(() => strata.stop());

const deploy = (digit: string) => digit.repeat(64);

async function send(type: string, data: object): Promise<Answered> {
  return (await strata.call('POST', '/v1/commands', { type, data })).body;
}

test('a photo is as it was at the position, by one event that names it', async () => {
  const { photo, position: added } = await addPhoto(strata, 'reverted', 'acme');
  const path = `/v1/photos/${photo}`;
  const set = { title: 'Alps', rating: 4, location: { latitude: 1, longitude: 2 } };
  const edited = await strata.call('PATCH', path, { set, addTags: ['alps', 'snow'] });
  const then = (await strata.read(path, edited.body.position)).body;
  await strata.call('PATCH', path, { set: { title: null, takenAt: null }, addTags: ['sea'], removeTags: ['snow'] });
  await strata.call('DELETE', path);

  const reverted = await strata.call('POST', `${path}/revert`, { to: edited.body.position }, acme);
  expect(reverted.body.events).toMatchObject([
    {
      type: 'PhotoReverted',
      data: {
        photo,
        to: edited.body.position,
        title: 'Alps',
        takenAt: '2024-07-01T10:00:00.000Z',
        addedTags: ['snow'],
        removedTags: ['sea'],
        trashed: false,
      },
    },
  ]);
  expect((await strata.read(path, reverted.body.position)).body).toEqual(then);

  const again = await strata.call('POST', `${path}/revert`, { to: edited.body.position });
  expect(again.body.events).toEqual([]);
  const first = await strata.call('POST', `${path}/revert`, { to: added });
  expect((await strata.read(path, first.body.position)).body).toMatchObject({ title: null, tags: [], rating: null });
  const history = await strata.read(`${path}/history`, first.body.position);
  expect(history.body.items[0]).toMatchObject({ type: 'PhotoReverted', changed: expect.arrayContaining(['title']) });
});

test('a key sent again is answered with the first answer, whatever the state is by now', async () => {
  const { photo } = await addPhoto(strata, 'keyed');
  const path = `/v1/photos/${photo}`;
  const rated = await strata.call('PATCH', path, { set: { rating: 1 } });
  await strata.call('PATCH', path, { set: { rating: 2 } });
  const key = { 'Idempotency-Key': 'back' };
  const to = rated.body.position;
  const first = await strata.call('POST', `${path}/revert`, { to }, key);
  await strata.call('PATCH', path, { set: { rating: 3 } });
  const second = await strata.call('POST', `${path}/revert`, { to }, key);
  expect(second.headers.get('idempotency-replayed')).toBe('true');
  expect(second.body).toEqual(first.body);
  const other = await strata.call('POST', `${path}/revert`, { to: '1' }, key);
  expect(other.body.code).toBe('history.nothing-then');
  const reused = await strata.call('POST', `${path}/revert`, { to: '-PT0S' }, key);
  expect(reused.body.code).toBe('command.key-reused');
});

test('what a revert is refused for', async () => {
  const { photo, position } = await addPhoto(strata, 'refused', 'other');
  const path = `/v1/photos/${photo}/revert`;
  const refusals = [
    [{ to: '1' }, {}, 422, 'history.nothing-then'],
    [{ to: '999999' }, {}, 400, 'history.future-position'],
    [{ to: 'refs/none' }, {}, 404, 'ref.unknown'],
    [{}, {}, 400, 'request.invalid'],
    [{ to: position, title: 'x' }, {}, 400, 'request.invalid'],
    [{ to: position }, acme, 404, 'photo.unknown'],
    [{ to: position }, { 'If-Match': '"r7"' }, 412, 'stream.revision-mismatch'],
    [{ to: position }, { Authorization: 'Bearer none' }, 401, 'auth.unknown-key'],
  ] as const;
  for (const [body, headers, status, code] of refusals) {
    const answer = await strata.call('POST', path, body, headers);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  }
  const unknown = await strata.call('POST', '/v1/photos/nope/revert', { to: position });
  expect([unknown.status, unknown.body.code]).toEqual([404, 'photo.unknown']);
  const data = { photo, to: position, fields: {}, tags: [], trashed: false };
  expect((await send('RevertPhoto', data)).code).toBe('auth.forbidden');
});

test('a dapp serves again what it served, and is there again after its deletion', async () => {
  await strata.call('PUT', '/v1/dapps/wall', { account: 'acme', title: 'Wall' });
  for (const digit of ['a', 'b']) await send('DeployDapp', { dapp: 'wall', deploy: deploy(digit), files: 1, bytes: 9 });
  const first = await strata.call('POST', '/v1/dapps/wall/publish', { deploy: deploy('a') });
  const then = (await strata.read('/v1/dapps/wall', first.body.position)).body;
  await strata.call('POST', '/v1/dapps/wall/publish', { deploy: deploy('b') });
  await strata.call('DELETE', '/v1/dapps/wall');

  const reverted = await strata.call('POST', '/v1/dapps/wall/revert', { to: first.body.position }, acme);
  expect(reverted.body.events).toMatchObject([
    { type: 'DappReverted', data: { state: 'published', published: deploy('a'), previous: null } },
  ]);
  expect((await strata.read('/v1/dapps/wall', reverted.body.position)).body).toEqual(then);
});

test('an album has its title and its photos again, and is there again after its deletion', async () => {
  const [one, two, three] = await Promise.all(
    ['one', 'two', 'three'].map(async (name) => (await addPhoto(strata, name, 'acme')).photo),
  );
  const created = await strata.call('POST', '/v1/albums', { title: 'Summer' }, acme);
  expect(created.status).toBe(201);
  const path = `/v1/albums/${created.body.album}`;
  await strata.call('PUT', `${path}/photos/${one}`, undefined, acme);
  const filled = await strata.call('PUT', `${path}/photos/${two}`);
  const then = (await strata.read(path, filled.body.position)).body;
  expect(then).toMatchObject({ library: 'acme', title: 'Summer', photos: 2 });

  await strata.call('PATCH', path, { title: 'Winter' });
  await strata.call('DELETE', `${path}/photos/${one}`);
  const last = await strata.call('PUT', `${path}/photos/${three}`);
  const back = await strata.call('POST', `${path}/revert`, { to: filled.body.position });
  expect(back.body.events).toMatchObject([
    { type: 'AlbumReverted', data: { title: 'Summer', added: [one], removed: [three] } },
  ]);
  expect((await strata.read(path, back.body.position)).body).toEqual(then);

  const deleted = await strata.call('DELETE', path);
  expect((await strata.read(path, deleted.body.position)).body.code).toBe('album.unknown');
  const restored = await strata.call('POST', `${path}/revert`, { to: last.body.position }, acme);
  expect((await strata.read(path, restored.body.position)).body).toEqual({ ...then, title: 'Winter' });
  const photos = await strata.read(`/v1/photos?album=${created.body.album}`, restored.body.position, acme);
  expect(photos.body.items.map((item: Answered) => item.photo).sort()).toEqual([two, three].sort());
});
