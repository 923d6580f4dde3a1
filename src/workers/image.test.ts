import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inspectImage } from './image.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-image-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

async function inspect(bytes: Buffer, mediaType: string) {
  const path = join(dir, 'upload');
  await writeFile(path, bytes);
  return inspectImage({ kind: 'image', path, sha256: 'a'.repeat(64), bytes: bytes.length, mediaType });
}

const picture = (width = 30, height = 20) => sharp({ create: { width, height, channels: 3, background: '#369' } });

function pngClaiming(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  const data = chunk('IDAT', deflateSync(Buffer.alloc(1000)));
  return Buffer.concat([signature, chunk('IHDR', header), data, chunk('IEND', Buffer.alloc(0))]);
}

test.each([
  ['jpeg', 'image/jpeg'],
  ['png', 'image/png'],
  ['webp', 'image/webp'],
  ['gif', 'image/gif'],
  ['avif', 'image/avif'],
  ['tiff', 'image/tiff'],
] as const)('%s is %s', async (format, mediaType) => {
  const bytes = await picture().toFormat(format).toBuffer();
  expect(await inspect(bytes, mediaType)).toMatchObject({
    kind: 'image',
    sha256: 'a'.repeat(64),
    bytes: bytes.length,
    mediaType,
    width: 30,
    height: 20,
    takenAt: null,
    location: null,
  });
  const other = mediaType === 'image/png' ? 'image/jpeg' : 'image/png';
  await expect(inspect(bytes, other)).rejects.toMatchObject({ code: 'request.media-type' });
});

test('a picture is as wide and as high as people see it', async () => {
  const bytes = await picture().withMetadata({ orientation: 6 }).jpeg().toBuffer();
  expect(await inspect(bytes, 'image/jpeg; q=1')).toMatchObject({ width: 20, height: 30 });
});

test.each(['jpeg', 'png', 'webp', 'avif'] as const)('what a camera recorded is read from %s', async (format) => {
  const bytes = await picture()
    .withExif({ IFD0: { Make: 'Canon' }, IFD2: { DateTimeOriginal: '2024:05:06 07:08:09' } })
    .toFormat(format)
    .toBuffer();
  expect(await inspect(bytes, `image/${format}`)).toMatchObject({
    takenAt: Date.UTC(2024, 4, 6, 7, 8, 9),
    exif: { Make: 'Canon' },
  });
});

test('a TIFF file is its own EXIF', async () => {
  const bytes = await picture().tiff().toBuffer();
  expect(await inspect(bytes, 'image/tiff')).toMatchObject({ exif: { ImageWidth: 30, Orientation: 'top-left' } });
});

test('more pixels than allowed are refused before decoding', async () => {
  await expect(inspect(pngClaiming(50_000, 50_000), 'image/png')).rejects.toMatchObject({
    code: 'upload.too-many-pixels',
  });
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('not an image at all')],
  ['a page', Buffer.from('<!doctype html><script>alert(1)</script>')],
  ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>')],
  ['PDF', Buffer.from('%PDF-1.4\n%%EOF')],
  ['a header alone', Buffer.from('89504e470d0a1a0a', 'hex')],
  ['too few pixels', pngClaiming(200, 200)],
])('%s is not an image', async (_, bytes) => {
  await expect(inspect(bytes, 'image/png')).rejects.toMatchObject({ code: 'upload.not-an-image' });
});

test('half a JPEG is not an image', async () => {
  const noise = await sharp({
    create: {
      width: 200,
      height: 200,
      channels: 3,
      background: '#000',
      noise: { type: 'gaussian', mean: 128, sigma: 30 },
    },
  })
    .jpeg()
    .toBuffer();
  expect(await inspect(noise, 'image/jpeg')).toMatchObject({ width: 200 });
  await expect(inspect(noise.subarray(0, noise.length / 2), 'image/jpeg')).rejects.toMatchObject({
    code: 'upload.not-an-image',
  });
});
