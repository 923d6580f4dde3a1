import { test } from 'vitest';
import { accounts } from '#commands/accounts/domain.ts';
import { happened, specify } from '#commands/specification.ts';
import { holderOf, SYSTEM } from '#commands/world.ts';
import { photos } from './domain.ts';
import { photoId } from './photo-id.ts';

const streams: { readonly [field: string]: (data: { readonly [field: string]: unknown }) => string } = {
  Account: ({ account }) => `account-${account}`,
  Photo: ({ photo }) => `photo-${photo}`,
  Album: ({ album }) => `album-${album}`,
};
const { given } = specify({ ...photos, events: [...photos.events, ...accounts.events] }, ({ type, data }) =>
  streams[/^(Account|Photo|Album)/.exec(type)![0]]!(data),
);

const sha256 = 'd'.repeat(64);
const image = {
  sha256,
  bytes: 1234,
  mediaType: 'image/jpeg',
  width: 40,
  height: 30,
  takenAt: null,
  location: null,
  exif: null,
  fileName: null,
};
const photo = photoId('acme', sha256);
const added = happened('PhotoAdded', { photo, library: 'acme', ...image });
const erased = happened('PhotoErased', { photo, library: 'acme', sha256 });
const opened = happened('AccountOpened', { account: 'acme', contact: null });
const accountErased = happened('AccountErased', { account: 'acme', keys: [] });
const holder = { as: holderOf('acme') };
const other = { as: holderOf('other') };

test('a photo is erased by whom it belongs to, by the admin, and by the server', () => {
  given(added).when('ErasePhoto', { photo }, holder).then(erased);
  given(added).when('ErasePhoto', { photo }).then(erased);
  given(added).when('ErasePhoto', { photo }, { as: SYSTEM }).then(erased);
  given(added, happened('PhotoTrashed', { photo })).when('ErasePhoto', { photo }).then(erased);
  given(added).when('ErasePhoto', { photo }, other).thenRefused('photo.unknown');
  given().when('ErasePhoto', { photo }).thenRefused('photo.unknown');
});

test.each(['EditPhoto', 'TrashPhoto', 'RestorePhoto', 'ErasePhoto'])('an erased photo refuses %s', (command) => {
  given(added, erased).when(command, { photo }, holder).thenRefused('history.erased');
  given(added, erased).when(command, { photo }, other).thenRefused('photo.unknown');
});

test('the same bytes do not come back into the library, but into another', () => {
  given(added, erased)
    .when('AddPhoto', { library: 'acme', ...image }, holder)
    .thenRefused('history.erased');
  given(added, erased)
    .when('AddPhoto', { library: 'default', ...image })
    .then(happened('PhotoAdded', { photo: photoId('default', sha256), library: 'default', ...image }));
});

test('an erased photo goes into no album', () => {
  const album = 'a'.repeat(32);
  given(added, happened('AlbumCreated', { album, library: 'acme', title: 'Peaks' }), erased)
    .when('AddToAlbum', { album, photo }, holder)
    .thenRefused('history.erased');
});

test('the library of an erased account takes nothing, not even from a key that is believed for a moment longer', () => {
  for (const sending of [{}, holder]) {
    given(opened, accountErased)
      .when('AddPhoto', { library: 'acme', ...image }, sending)
      .thenRefused('history.erased');
    given(opened, accountErased)
      .when('CreateAlbum', { library: 'acme', title: 'Peaks' }, sending)
      .thenRefused('history.erased');
  }
});
