import { expect, test } from 'vitest';
import { ADMIN, holderOf } from '#commands/world.ts';
import type { InspectedImage } from '#handling/routes.ts';
import { isStrataError } from '#src/errors.ts';
import { bounded } from './exif.ts';
import { photoUploads } from './routes.ts';

const upload = photoUploads[0]!;
const inspected: InspectedImage = {
  kind: 'image',
  sha256: 'c'.repeat(64),
  bytes: 10,
  mediaType: 'image/png',
  width: 1,
  height: 1,
  takenAt: Date.parse('2019-07-14T10:20:30.000Z'),
  location: null,
  exif: null,
};

function libraryFor(query: { readonly [name: string]: string }, caller = ADMIN): unknown {
  return upload.commands(inspected, {}, query, caller)[0]?.data.library;
}

test('an upload goes to the caller’s library', () => {
  expect(libraryFor({})).toBe('default');
  expect(libraryFor({ account: 'acme' })).toBe('acme');
  expect(libraryFor({}, holderOf('acme'))).toBe('acme');
  expect(libraryFor({ account: 'acme' }, holderOf('acme'))).toBe('acme');
  let refusal: unknown;
  try {
    libraryFor({ account: 'other' }, holderOf('acme'));
  } catch (error) {
    refusal = error;
  }
  expect(isStrataError(refusal, 'photo.unknown-library')).toBe(true);
});

test('the time an image was taken is text in the command', () => {
  expect(upload.commands(inspected, {}, {}, ADMIN)[0]).toMatchObject({
    type: 'AddPhoto',
    data: { takenAt: '2019-07-14T10:20:30.000Z', fileName: null, exif: null },
  });
});

test('of much EXIF the best-known tags are kept, then what fits', () => {
  const long = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`Aa${at}`, 'x'.repeat(300)]));
  const tags = { ...long, Zz: 1, Make: 'Strata', LensModel: 'y'.repeat(500) };
  const kept = bounded(tags)!;
  expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThanOrEqual(8192);
  expect(Object.keys(kept).slice(0, 2)).toEqual(['Make', 'LensModel']);
  expect(kept).toHaveProperty('Zz');
  expect(Object.keys(kept).length).toBeGreaterThan(20);
  expect(bounded({ Make: 'Strata' })).toEqual({ Make: 'Strata' });
  expect(bounded(null)).toBeNull();
});
