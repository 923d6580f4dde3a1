import { expect, test } from 'vitest';
import { photos } from '#commands/photos/domain.ts';
import { photoId } from '#commands/photos/photo-id.ts';
import { holderOf, NOW, World } from '#commands/world.ts';
import { MemoryDb } from '#projections/memory-db.ts';
import { byAccount, Queries } from '#projections/reading.ts';

const sha256Of = (digit: string) => digit.repeat(64);
const image = {
  bytes: 1234,
  mediaType: 'image/jpeg',
  width: 40,
  height: 30,
  location: { latitude: 46.5, longitude: 7.9 },
  exif: { Make: 'Strata' },
  fileName: 'peaks.jpg',
};
const TIMES = ['2019-07-14T10:20:30.000Z', '2021-01-01T00:00:00.000Z', '1969-12-31T23:59:59.999Z', null];

/** Photos a to d, taken at `TIMES`, added a second after each other; `a` once more in another library. */
function library() {
  const world = new World(photos);
  const as = holderOf('acme');
  const ids: { [name: string]: string } = {};
  for (const [index, takenAt] of TIMES.entries()) {
    const name = 'abcd'[index]!;
    const data = { library: 'acme', ...image, sha256: sha256Of(name), takenAt };
    world.send('AddPhoto', data, { as, at: NOW + index * 1000 });
    ids[name] = photoId('acme', sha256Of(name));
  }
  world.send('AddPhoto', { library: 'default', ...image, sha256: sha256Of('a'), takenAt: null });
  const db = new MemoryDb(...photos.projections).fold(world.events);
  const queries = new Queries(world, db, photos.queryRoutes);
  const send = (type: string, name: string, data: object = {}) =>
    db.fold(world.send(type, { photo: ids[name], ...data }, { as }).events);
  const list = async (query: { readonly [name: string]: string } = {}) => {
    const body = await queries.body('/v1/photos', { query, reader: byAccount('acme') });
    return (body as { items: readonly { photo: string }[] }).items
      .map(({ photo }) => Object.keys(ids).find((name) => ids[name] === photo))
      .join('');
  };
  return { ids, queries, send, list };
}

test('a photo has what the contract names, and nothing else', async () => {
  const { ids, queries, send } = library();
  send('EditPhoto', 'a', { set: { title: 'Peaks', rating: 4 }, addTags: ['snow', 'alps'] });
  expect(await queries.body('/v1/photos/{photo}', { params: { photo: ids.a! } })).toEqual({
    photo: ids.a,
    sha256: sha256Of('a'),
    bytes: 1234,
    mediaType: 'image/jpeg',
    width: 40,
    height: 30,
    takenAt: TIMES[0],
    title: 'Peaks',
    caption: null,
    rating: 4,
    location: { latitude: 46.5, longitude: 7.9 },
    tags: ['alps', 'snow'],
    addedAt: '2026-05-01T12:00:00.000Z',
    trashed: false,
    exif: { Make: 'Strata' },
  });
});

test('a library is listed in the order in which photos were taken, those of unknown time first', async () => {
  const { list } = library();
  expect(await list()).toBe('dcab');
  expect(await list({ takenAfter: TIMES[0]! })).toBe('b');
  expect(await list({ takenAfter: '2019-07-14T12:20:29.999+02:00' })).toBe('ab');
  expect(await list({ takenBefore: TIMES[0]! })).toBe('c');
  expect(await list({ takenBefore: '2019-07-14T10:20:30.001Z' })).toBe('ca');
  expect(await list({ takenAfter: TIMES[2]!, takenBefore: TIMES[1]! })).toBe('a');
  expect(await list({ takenAfter: '0000-01-01T00:00:00Z', takenBefore: '9999-12-31T23:59:59Z' })).toBe('cab');
});

test('photos of a tag follow its edits, in their time', async () => {
  const { send, list } = library();
  for (const name of ['a', 'b', 'd']) send('EditPhoto', name, { addTags: ['alps'] });
  expect(await list({ tag: 'alps' })).toBe('dab');
  expect(await list({ tag: 'alps', takenBefore: '2020-01-01T00:00:00Z' })).toBe('a');
  expect(await list({ tag: 'alp' })).toBe('');
  send('EditPhoto', 'a', { removeTags: ['alps'], addTags: ['sea'] });
  send('EditPhoto', 'd', { set: { takenAt: '2030-01-01T00:00:00Z' } });
  expect(await list({ tag: 'alps' })).toBe('bd');
  expect(await list({ tag: 'sea' })).toBe('a');
});

test('trashed photos are left out unless told, and come back', async () => {
  const { send, list } = library();
  send('EditPhoto', 'b', { set: { title: '"trashed":true' }, addTags: ['"trashed":true'] });
  send('TrashPhoto', 'a');
  expect(await list()).toBe('dcb');
  expect(await list({ trashed: 'true' })).toBe('dcab');
  send('RestorePhoto', 'a');
  expect(await list()).toBe('dcab');
});

test('to an account’s key other libraries are not there; the admin names one', async () => {
  const { ids, queries } = library();
  const reader = byAccount('other');
  const params = { photo: ids.a! };
  expect(await queries.body('/v1/photos/{photo}', { params, reader })).toBe('photo.unknown');
  expect(await queries.body('/v1/photos/{photo}/original', { params, reader })).toBe('photo.unknown');
  expect(await queries.body('/v1/photos/{photo}', { params: { photo: 'none' } })).toBe('photo.unknown');
  expect(await queries.body('/v1/photos', { query: { account: 'acme' }, reader })).toBe('photo.unknown-library');
  expect(await queries.body('/v1/photos', { query: { account: 'acme' } })).toMatchObject({ items: { length: 4 } });
  expect(await queries.body('/v1/photos')).toMatchObject({ items: { length: 1 } });
});

test('the original is the blob that was uploaded', async () => {
  const { ids, queries } = library();
  const reading = await queries.read('/v1/photos/{photo}/original', { params: { photo: ids.b! } });
  expect(reading).toMatchObject({ body: { blob: sha256Of('b') }, mediaType: 'image/jpeg' });
});
