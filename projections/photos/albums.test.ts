import { expect, test } from 'vitest';
import { photos } from '#commands/photos/domain.ts';
import { photoId } from '#commands/photos/photo-id.ts';
import { holderOf, NOW, World } from '#commands/world.ts';
import { MemoryDb } from '#projections/memory-db.ts';
import { byAccount, Queries } from '#projections/reading.ts';

const NAMES = ['a', 'b', 'c'];
const TIMES = ['2021-01-01T00:00:00.000Z', '2019-01-01T00:00:00.000Z', null];
const as = holderOf('acme');

/** Photos a to c, taken at `TIMES`, in the albums summer (a, b) and winter (b, c). */
function library() {
  const world = new World(photos);
  const ids: { [name: string]: string } = {};
  for (const [index, name] of NAMES.entries()) {
    const data = { bytes: 1, mediaType: 'image/png', width: 1, height: 1, location: null, exif: null, fileName: null };
    const sha256 = name.repeat(64);
    world.send('AddPhoto', { library: 'acme', ...data, sha256, takenAt: TIMES[index] }, { as, at: NOW + index });
    ids[name] = photoId('acme', sha256);
  }
  const db = new MemoryDb(...photos.projections).fold(world.events);
  const queries = new Queries(world, db, photos.queryRoutes);
  const send = (type: string, data: object) => {
    const { events, made } = world.send(type, data, { as });
    db.fold(events);
    return made;
  };
  const photo = (name: string) => ids[name]!;
  const albums = ['Summer', 'Winter'].map((title) => send('CreateAlbum', { title }).album!) as [string, string];
  for (const name of 'ab') send('AddToAlbum', { album: albums[0], photo: photo(name) });
  for (const name of 'bc') send('AddToAlbum', { album: albums[1], photo: photo(name) });
  const names = async (query: { readonly [name: string]: string }, reader = byAccount('acme')) => {
    const body = await queries.body('/v1/photos', { query, reader });
    if (typeof body === 'string') return body;
    const { items } = body as { readonly items: readonly { readonly photo: string }[] };
    return items.map((item) => NAMES.find((name) => ids[name] === item.photo)).join('');
  };
  const album = (id: string) =>
    queries.body('/v1/albums/{album}', { params: { album: id }, reader: byAccount('acme') });
  return { queries, send, photo, albums, names, album };
}

test('photos of an album stand in the order in which they were taken, and follow their edits', async () => {
  const { send, photo, albums, names } = library();
  const [summer, winter] = albums;
  expect([await names({ album: summer }), await names({ album: winter })]).toEqual(['ba', 'cb']);
  send('EditPhoto', { photo: photo('b'), set: { takenAt: '2022-01-01T00:00:00Z' }, addTags: ['snow'] });
  expect([await names({ album: summer }), await names({ album: winter })]).toEqual(['ab', 'cb']);
  expect(await names({ album: summer, takenAfter: '2021-06-01T00:00:00Z' })).toBe('b');
  expect(await names({ album: winter, takenBefore: '2021-06-01T00:00:00Z' })).toBe('');
  expect(await names({ album: summer, tag: 'snow' })).toBe('b');
  send('TrashPhoto', { photo: photo('a') });
  expect([await names({ album: summer }), await names({ album: summer, trashed: 'true' })]).toEqual(['b', 'ab']);
  send('RemoveFromAlbum', { album: summer, photo: photo('b') });
  expect([await names({ album: summer }), await names({ album: winter })]).toEqual(['', 'cb']);
});

test('a photo shown in an album is the photo', async () => {
  const { queries, photo, albums } = library();
  const params = { photo: photo('b') };
  const one = await queries.body('/v1/photos/{photo}', { params });
  const { items } = (await queries.body('/v1/photos', { query: { album: albums[0] } })) as { items: unknown[] };
  expect(items[0]).toEqual(one);
});

test('an album tells how many photos it has, and is gone when it is deleted', async () => {
  const { queries, send, photo, albums, names, album } = library();
  const [summer] = albums;
  expect(await album(summer)).toEqual({
    album: summer,
    library: 'acme',
    title: 'Summer',
    photos: 2,
    createdAt: '2026-05-01T12:00:00.000Z',
  });
  send('RemoveFromAlbum', { album: summer, photo: photo('a') });
  send('RenameAlbum', { album: summer, title: 'Heat' });
  expect(await album(summer)).toMatchObject({ title: 'Heat', photos: 1 });
  send('DeleteAlbum', { album: summer });
  expect([await album(summer), await names({ album: summer })]).toEqual(['album.unknown', 'album.unknown']);
  const listed = await queries.body('/v1/albums', { reader: byAccount('acme') });
  expect(listed).toMatchObject({ items: [{ title: 'Winter' }], next: null });

  const then = { album: summer, library: 'acme', to: '9', title: 'Heat', photos: [photo('a'), photo('b'), photo('b')] };
  send('RevertAlbum', then);
  expect(await album(summer)).toMatchObject({ title: 'Heat', photos: 2 });
  expect(await names({ album: summer })).toBe('ba');
});

test('an erased photo is in no album, nor comes back with one', async () => {
  const { send, photo, albums, names, album } = library();
  const [summer, winter] = albums;
  send('ErasePhoto', { photo: photo('b') });
  expect([await names({ album: summer }), await names({ album: winter })]).toEqual(['a', 'c']);
  expect([await album(summer), await album(winter)]).toMatchObject([{ photos: 1 }, { photos: 1 }]);
  send('RemoveFromAlbum', { album: summer, photo: photo('b') });
  expect(await album(summer)).toMatchObject({ photos: 1 });
  send('DeleteAlbum', { album: winter });
  send('RevertAlbum', { album: winter, library: 'acme', to: '9', title: 'Winter', photos: [photo('b'), photo('c')] });
  expect([await names({ album: winter }), await album(winter)]).toMatchObject(['c', { photos: 1 }]);
});

test('albums are their library’s', async () => {
  const { queries, albums, names } = library();
  const [summer] = albums;
  expect(await names({ album: summer }, byAccount('other'))).toBe('album.unknown');
  expect(await names({ album: summer, account: 'other' }, { role: 'admin', account: null })).toBe('album.unknown');
  expect(await names({ album: summer }, { role: 'admin', account: null })).toBe('ba');
  const params = { album: summer };
  expect(await queries.body('/v1/albums/{album}', { params, reader: byAccount('other') })).toBe('album.unknown');
  expect(await queries.body('/v1/albums', { reader: byAccount('other') })).toEqual({ items: [], next: null });
});
