import sharp from 'sharp';
import { expect, test } from 'vitest';
import { NO_EXIF, readExif } from './exif.ts';

type Tags = { readonly [tag: string]: string };

async function exifOf(exif: Tags, gps: Tags = {}) {
  const jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#369' } })
    .withExif({ IFD0: { Make: 'Canon' }, IFD2: exif, IFD3: gps })
    .jpeg()
    .toBuffer();
  const { exif: bytes } = await sharp(jpeg).metadata();
  return readExif(bytes!);
}

test.each([
  ['in UTC where there is no offset', { DateTimeOriginal: '2024:05:06 07:08:09' }, '2024-05-06T07:08:09.000Z'],
  [
    'at its offset',
    { DateTimeOriginal: '2024:05:06 07:08:09', OffsetTimeOriginal: '+02:30' },
    '2024-05-06T04:38:09.000Z',
  ],
  [
    'west of Greenwich',
    { DateTimeOriginal: '2024:12:31 23:00:00', OffsetTimeOriginal: '-05:00' },
    '2025-01-01T04:00:00.000Z',
  ],
  [
    'with its fraction',
    { DateTimeOriginal: '2024:05:06 07:08:09', SubSecTimeOriginal: '25' },
    '2024-05-06T07:08:09.250Z',
  ],
])('the time taken is read %s', async (_, tags, time) => {
  expect((await exifOf(tags)).takenAt).toBe(Date.parse(time));
});

test.each(['0000:00:00 00:00:00', '2024:02:30 10:00:00', '2024:01:01 25:00:00', '    :  :     :  :  ', 'yesterday'])(
  'the date %j is none',
  async (date) => {
    expect((await exifOf({ DateTimeOriginal: date })).takenAt).toBeNull();
  },
);

test('the place is read with its sign', async () => {
  const gps = {
    GPSLatitudeRef: 'S',
    GPSLatitude: '33/1 52/1 48/1',
    GPSLongitudeRef: 'E',
    GPSLongitude: '151/1 12/1 0/1',
  };
  const { location } = await exifOf({}, gps);
  expect(location!.latitude).toBeCloseTo(-33.88, 6);
  expect(location!.longitude).toBeCloseTo(151.2, 6);
});

test.each([
  ['half a place', { GPSLatitudeRef: 'S', GPSLatitude: '33/1 52/1 48/1' }],
  [
    'a place off the earth',
    { GPSLatitudeRef: 'N', GPSLatitude: '133/1 0/1 0/1', GPSLongitudeRef: 'E', GPSLongitude: '1/1 0/1 0/1' },
  ],
  [
    'a place of nought by nought',
    { GPSLatitudeRef: 'N', GPSLatitude: '0/0 0/0 0/0', GPSLongitudeRef: 'E', GPSLongitude: '0/0 0/0 0/0' },
  ],
])('%s is none', async (_, gps) => {
  expect((await exifOf({}, gps)).location).toBeNull();
});

test('tags are for people, bounded, and without binary', async () => {
  const long = Object.fromEntries(
    ['LensModel', 'LensMake', 'CameraOwnerName', 'ImageUniqueID', 'BodySerialNumber'].map((name) => [
      name,
      'x'.repeat(500),
    ]),
  );
  const { exif } = await exifOf({ ...long, ExposureTime: '1/250', UserComment: 'z'.repeat(20_000) });
  expect(exif).toMatchObject({ Make: 'Canon', ExposureTime: '1/250' });
  expect(exif).not.toHaveProperty('Exif IFD Pointer');
  expect(exif).not.toHaveProperty('UserComment');
  expect(Buffer.byteLength(JSON.stringify(exif))).toBeLessThanOrEqual(64 * 1024);
});

test('damaged metadata is no metadata', async () => {
  expect(readExif(Buffer.from('Exif\0\0II*\0'))).toEqual(NO_EXIF);
  expect(readExif(Buffer.alloc(0))).toEqual(NO_EXIF);
});
