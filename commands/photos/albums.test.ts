import { expect, test } from 'vitest';
import { accounts } from '#commands/accounts/domain.ts';
import { happened, specify } from '#commands/specification.ts';
import { holderOf } from '#commands/world.ts';
import { ALBUM_PHOTOS_MAX } from './album-events.ts';
import { photos } from './domain.ts';
import { photoId } from './photo-id.ts';

const { given } = specify({ ...photos, events: [...photos.events, ...accounts.events] }, ({ type, data }) => {
  if (type.startsWith('Account')) return `account-${data.account}`;
  return type.startsWith('Album') ? `album-${data.album}` : `photo-${data.photo}`;
});

const album = 'summer';
const createdAt = '2026-05-01T12:00:00.000Z';
const created = happened('AlbumCreated', { album, library: 'acme', title: 'Summer' });
const photoAdded = happened('AlbumPhotoAdded', { album, photo: photoId('acme', 'a'.repeat(64)) });
const photoRemoved = happened('AlbumPhotoRemoved', photoAdded.data);
const photo = String(photoAdded.data.photo);
const deleted = (...photos: string[]) => happened('AlbumDeleted', { album, photos });
const added = (library: string, sha256 = 'a'.repeat(64)) =>
  happened('PhotoAdded', {
    photo: photoId(library, sha256),
    library,
    sha256,
    bytes: 1,
    mediaType: 'image/png',
    width: 1,
    height: 1,
    takenAt: null,
    location: null,
    exif: null,
    fileName: null,
  });
const holder = { as: holderOf('acme') };
const other = { as: holderOf('other') };

test('an album is made in one’s own library, or by the admin in one that is there', () => {
  const title = 'Summer';
  const made = (library: string) => happened('AlbumCreated', { album: 'album-1', library, title });
  given().when('CreateAlbum', { title }).then(made('default'));
  given().when('CreateAlbum', { title }, holder).then(made('acme'));
  given().when('CreateAlbum', { title, library: 'acme' }).thenRefused('photo.unknown-library');
  given(happened('AccountOpened', { account: 'acme', contact: null }))
    .when('CreateAlbum', { title, library: 'acme' })
    .then(made('acme'));
  given().when('CreateAlbum', { title, library: 'acme' }, other).thenRefused('photo.unknown-library');
  given().when('CreateAlbum', { title: '' }).thenRefused('request.invalid');
});

test('an album is given another title', () => {
  given(created)
    .when('RenameAlbum', { album, title: 'Winter' })
    .then(happened('AlbumRenamed', { album, library: 'acme', title: 'Winter' }));
  given(created).when('RenameAlbum', { album, title: 'Summer' }).thenNothing();
});

test('to an account’s key others’ albums are not there', () => {
  for (const [type, data] of [
    ['RenameAlbum', { title: 'Mine' }],
    ['AddToAlbum', { photo }],
    ['RemoveFromAlbum', { photo }],
    ['DeleteAlbum', {}],
  ] as const) {
    given(created)
      .when(type, { album, ...data }, other)
      .thenRefused('album.unknown');
    given()
      .when(type, { album, ...data })
      .thenRefused('album.unknown');
    given(created, deleted())
      .when(type, { album, ...data })
      .thenRefused('album.unknown');
  }
});

test('photos of the same library come in once, and go', () => {
  given(created, added('acme')).when('AddToAlbum', { album, photo }, holder).then(photoAdded);
  given(created, added('acme'), photoAdded).when('AddToAlbum', { album, photo }, holder).thenNothing();
  given(created).when('AddToAlbum', { album, photo }).thenRefused('photo.unknown');
  given(created, added('other'))
    .when('AddToAlbum', { album, photo: photoId('other', 'a'.repeat(64)) })
    .thenRefused('photo.unknown');
  given(created, added('acme'), photoAdded).when('RemoveFromAlbum', { album, photo }, holder).then(photoRemoved);
  given(created).when('RemoveFromAlbum', { album, photo }, holder).thenNothing();
  given(created, added('acme'), photoAdded, photoRemoved).when('AddToAlbum', { album, photo }).then(photoAdded);
});

test(`an album has at most ${ALBUM_PHOTOS_MAX} photos`, () => {
  const full = happened('AlbumReverted', {
    ...{ album, to: '1', library: 'acme', title: 'Summer', createdAt, removed: [] },
    added: Array.from({ length: ALBUM_PHOTOS_MAX }, (_, at) => `photo-${at}`),
  });
  given(created, full, added('acme')).when('AddToAlbum', { album, photo }).thenRefused('album.too-many-photos');
});

test('a deletion says which photos it had', () => {
  given(created, added('acme'), photoAdded).when('DeleteAlbum', { album }, holder).then(deleted(photo));
});

test('a revert brings back title and photos, of a deleted album too', () => {
  const data = { album, library: 'acme', to: '7', title: 'Summer', photos: [photo] };
  const reverted = { album, to: '7', library: 'acme', title: 'Summer', createdAt };
  given(created, happened('AlbumRenamed', { album, library: 'acme', title: 'Winter' }))
    .when('RevertAlbum', data, holder)
    .then(happened('AlbumReverted', { ...reverted, added: [photo], removed: [] }));
  given(created, photoAdded, deleted(photo))
    .when('RevertAlbum', data, holder)
    .then(happened('AlbumReverted', { ...reverted, added: [photo], removed: [] }));
  given(created, photoAdded)
    .when('RevertAlbum', { ...data, photos: [] }, holder)
    .then(happened('AlbumReverted', { ...reverted, added: [], removed: [photo] }));
  given(created, photoAdded).when('RevertAlbum', data, holder).thenNothing();
  given(created).when('RevertAlbum', data, other).thenRefused('album.unknown');
});

test('an album of an account that was erased does not come back', () => {
  const opened = happened('AccountOpened', { account: 'acme', contact: null });
  const erased = happened('AccountErased', { account: 'acme', keys: [] });
  const data = { album, library: 'acme', to: '7', title: 'Summer', photos: [] };
  given(opened, created, deleted(), erased).when('RevertAlbum', data).thenRefused('history.erased');
  const reverted = { album, to: '7', library: 'acme', title: 'Summer', createdAt, added: [], removed: [] };
  given(opened, created, deleted()).when('RevertAlbum', data).then(happened('AlbumReverted', reverted));
});

test('the photos that a revert may add and remove fit into one write', () => {
  const ids = Array.from({ length: ALBUM_PHOTOS_MAX }, () => photo);
  const data = { album: photo, to: '9'.repeat(16), library: 'a'.repeat(63), title: 'é'.repeat(200), createdAt };
  expect(Buffer.byteLength(JSON.stringify({ ...data, added: ids, removed: ids }))).toBeLessThan(250 * 1024);
});

test('an erased photo comes in no more, and goes', () => {
  const erased = happened('PhotoErased', { photo, library: 'acme', sha256: 'a'.repeat(64) });
  given(created, added('acme'), erased).when('AddToAlbum', { album, photo }).thenRefused('history.erased');
  given(created, added('acme'), photoAdded, erased).when('RemoveFromAlbum', { album, photo }).then(photoRemoved);
});
