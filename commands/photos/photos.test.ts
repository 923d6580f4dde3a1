import { expect, test } from 'vitest';
import { accounts } from '#commands/accounts/domain.ts';
import { happened, specify } from '#commands/specification.ts';
import { ADMIN, holderOf, World } from '#commands/world.ts';
import { photos } from './domain.ts';
import { TAGS_MAX } from './edit-photo.ts';
import { photoId } from './photo-id.ts';

const { given } = specify({ ...photos, events: [...photos.events, ...accounts.events] }, ({ type, data }) =>
  type === 'AccountOpened' ? `account-${data.account}` : `photo-${data.photo}`,
);

const sha256 = 'c'.repeat(64);
const image = {
  sha256,
  bytes: 1234,
  mediaType: 'image/jpeg',
  width: 40,
  height: 30,
  takenAt: '2019-07-14T10:20:30.000Z',
  location: { latitude: 46.5, longitude: 7.9 },
  exif: { Make: 'Strata' },
  fileName: 'peaks.jpg',
};
const photo = photoId('acme', sha256);
const added = happened('PhotoAdded', { photo, library: 'acme', ...image });
const edited = (changes: object) => happened('PhotoEdited', { photo, ...changes });
const trashed = happened('PhotoTrashed', { photo });
const restored = happened('PhotoRestored', { photo });
const holder = { as: holderOf('acme') };
const other = { as: holderOf('other') };

test('a photo is its content in one library', () => {
  expect(photo).toMatch(/^[0-9a-f]{32}$/);
  expect(photoId('default', sha256)).not.toBe(photo);
  given()
    .when('AddPhoto', { library: 'acme', ...image }, holder)
    .then(added);
  given(added)
    .when('AddPhoto', { library: 'acme', ...image }, holder)
    .thenNothing();
  given(added)
    .when('AddPhoto', { library: 'default', ...image })
    .then(happened('PhotoAdded', { photo: photoId('default', sha256), library: 'default', ...image }));
});

test('a photo goes to one’s own library; the admin’s to an account’s that is there', () => {
  given()
    .when('AddPhoto', { library: 'acme', ...image }, other)
    .thenRefused('photo.unknown-library');
  given()
    .when('AddPhoto', { library: 'default', ...image }, other)
    .thenRefused('photo.unknown-library');
  given()
    .when('AddPhoto', { library: 'acme', ...image })
    .thenRefused('photo.unknown-library');
  given(happened('AccountOpened', { account: 'acme', contact: null }))
    .when('AddPhoto', { library: 'acme', ...image })
    .then(added);
});

test('a photo without EXIF has nulls', () => {
  const plain = { ...image, takenAt: null, location: null, exif: null, fileName: null };
  given()
    .when('AddPhoto', { library: 'acme', ...plain }, holder)
    .then(happened('PhotoAdded', { photo, library: 'acme', ...plain }));
});

test.each([
  { sha256: 'C'.repeat(64) },
  { mediaType: 'text/html' },
  { width: 0 },
  { location: { latitude: 91, longitude: 0 } },
  { exif: { text: 'x'.repeat(8192) } },
  { fileName: 'a\u0000b' },
])('a photo of the wrong shape is refused', (fields) => {
  given()
    .when('AddPhoto', { library: 'acme', ...image, ...fields }, holder)
    .thenRefused('request.invalid');
});

test('an edit holds what changes, and nothing else', () => {
  given(added)
    .when('EditPhoto', { photo, set: { title: 'Peaks', takenAt: '2019-07-14T12:20:30+02:00', location: null } }, holder)
    .then(edited({ title: 'Peaks', location: null }));
  given(added, edited({ title: 'Peaks', rating: 4 }))
    .when('EditPhoto', { photo, set: { title: 'Peaks', rating: null, caption: 'Dawn' } })
    .then(edited({ rating: null, caption: 'Dawn' }));
});

test('nothing changed is no event', () => {
  given(added).when('EditPhoto', { photo }).thenNothing();
  given(added)
    .when('EditPhoto', { photo, set: { title: null, location: { longitude: 7.9, latitude: 46.5 } }, removeTags: ['x'] })
    .thenNothing();
});

test('tags are a set', () => {
  given(added)
    .when('EditPhoto', { photo, addTags: ['snow', 'alps', 'snow', 'e\u0301te\u0301'], removeTags: ['sea'] })
    .then(edited({ addedTags: ['alps', 'snow', '\u00e9t\u00e9'] }));
  given(added, edited({ addedTags: ['alps', 'snow'] }))
    .when('EditPhoto', { photo, addTags: ['alps', 'sea', 'fog'], removeTags: ['snow', 'fog'] })
    .then(edited({ addedTags: ['sea'], removedTags: ['snow'] }));
});

test('a photo has so many tags at most', () => {
  const many = Array.from({ length: TAGS_MAX }, (_, at) => `t${at}`);
  given(added, edited({ addedTags: many }))
    .when('EditPhoto', { photo, addTags: ['more'] })
    .thenRefused('photo.too-many-tags');
});

test.each([
  { set: { rating: 6 } },
  { set: { rating: 0.5 } },
  { set: { title: 'x'.repeat(301) } },
  { set: { title: 'a\ud800' } },
  { set: { sha256 } },
  { set: { takenAt: 'yesterday' } },
  { set: { takenAt: '0000-01-01T00:00:00+01:00' } },
  { addTags: [' alps'] },
  { addTags: [''] },
  { tags: ['alps'] },
])('an edit of the wrong shape is refused: %j', (data) => {
  given(added)
    .when('EditPhoto', { photo, ...data })
    .thenRefused('request.invalid');
});

test('the trash takes a photo once and gives it back once', () => {
  given(added).when('TrashPhoto', { photo }, holder).then(trashed);
  given(added, trashed).when('TrashPhoto', { photo }).thenNothing();
  given(added, trashed).when('RestorePhoto', { photo }, holder).then(restored);
  given(added).when('RestorePhoto', { photo }).thenNothing();
  given(added, trashed)
    .when('AddPhoto', { library: 'acme', ...image }, holder)
    .thenNothing();
});

test.each(['EditPhoto', 'TrashPhoto', 'RestorePhoto'])('%s: others’ photos are not there', (type) => {
  given().when(type, { photo }, { as: ADMIN }).thenRefused('photo.unknown');
  given().when(type, { photo: 'nope' }, { as: ADMIN }).thenRefused('photo.unknown');
  given(added).when(type, { photo }, other).thenRefused('photo.unknown');
});

test('what is personal is sealed for the photo', () => {
  const event = photos.events.find(({ type }) => type === 'PhotoAdded');
  expect(event?.personal).toEqual(['location', 'exif', 'fileName']);
  expect(event?.subject?.({ photo })).toBe(photo);
  expect(new World(photos).command('AddPhoto').uploadOnly).toBe(true);
});

test('a revert is one event of what differs, and says where it was taken from', () => {
  const reverted = (changes: object) => happened('PhotoReverted', { photo, to: '7', ...changes });
  const fields = { title: null, caption: null, rating: null, takenAt: image.takenAt, location: image.location };
  const data = { photo, to: '7', fields, tags: ['alps'], trashed: false };
  given(added, edited({ title: 'Peaks', rating: 3, addedTags: ['sea'] }), trashed)
    .when('RevertPhoto', data, holder)
    .then(reverted({ title: null, rating: null, addedTags: ['alps'], removedTags: ['sea'], trashed: false }));
  given(added)
    .when('RevertPhoto', { ...data, tags: [], trashed: true })
    .then(reverted({ trashed: true }));
  given(added)
    .when('RevertPhoto', { ...data, tags: [] })
    .thenNothing();
  given(added).when('RevertPhoto', data, other).thenRefused('photo.unknown');
  given().when('RevertPhoto', data).thenRefused('photo.unknown');
});
