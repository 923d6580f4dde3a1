import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import yazl from 'yazl';
import type { BlobStore } from '#blobs/blob-store.ts';
import { openDiskBlobs } from '#blobs/disk.ts';
import { inspectArchive } from './archive.ts';

let dir: string;
let blobs: BlobStore;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-archive-'));
  blobs = await openDiskBlobs({ dir: join(dir, 'blobs') });
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

type Entry = readonly [name: string, bytes: Buffer | string, options?: Partial<yazl.Options>];

async function zip(...entries: readonly Entry[]): Promise<Buffer> {
  const file = new yazl.ZipFile();
  for (const [name, bytes, options] of entries) file.addBuffer(Buffer.from(bytes), name, options);
  file.end();
  return buffer(file.outputStream as NodeJS.ReadableStream & AsyncIterable<Buffer>);
}

/** The archive with every occurrence of a name replaced by one as long: for names that no packer writes. */
function renamed(archive: Buffer, from: string, to: string): Buffer {
  expect(Buffer.byteLength(to)).toBe(Buffer.byteLength(from));
  return Buffer.from(archive.toString('latin1').replaceAll(from, to), 'latin1');
}

async function inspect(archive: Buffer) {
  const path = join(dir, 'upload');
  await writeFile(path, archive);
  const incomingDir = join(dir, 'blobs', 'incoming', 'job');
  return inspectArchive({ kind: 'archive', path, blobsDir: join(dir, 'blobs'), incomingDir });
}

const refused = (code: string) => expect.objectContaining({ code });

test('an archive becomes blobs and a manifest', async () => {
  const big = randomBytes(3_000_000);
  const inspected = await inspect(
    await zip(
      ['z.bin', big],
      ['index.html', '<p>hello'],
      ['assets/app.js', 'let x = 1;', { compress: false }],
      ['assets/same.js', 'let x = 1;'],
      ['empty.txt', ''],
      ['__MACOSX/index.html', 'litter'],
      ['assets/.DS_Store', 'litter'],
    ),
  );
  expect(inspected).toMatchObject({ kind: 'archive', files: 5, bytes: 3_000_028 });
  const text = String(await blobs.read(inspected.manifest));
  const { files } = JSON.parse(text) as { files: { path: string; sha256: string; bytes: number; mediaType: string }[] };
  expect(files.map(({ path, bytes, mediaType }) => [path, bytes, mediaType])).toEqual([
    ['assets/app.js', 10, 'text/javascript'],
    ['assets/same.js', 10, 'text/javascript'],
    ['empty.txt', 0, 'text/plain'],
    ['index.html', 8, 'text/html'],
    ['z.bin', 3_000_000, 'application/octet-stream'],
  ]);
  expect(text.startsWith('{"files":[{"bytes":10,"mediaType":"text/javascript","path":"assets/app.js","sha256":"')).toBe(
    true,
  );
  expect(files[0]!.sha256).toBe(files[1]!.sha256);
  expect((await blobs.read(files[4]!.sha256)).equals(big)).toBe(true);
});

test('the same files in another order are the same deploy', async () => {
  const first = await inspect(await zip(['a', '1'], ['b', '2']));
  const second = await inspect(await zip(['b', '2', { compress: false }], ['a', '1']));
  expect(second.manifest).toBe(first.manifest);
});

test.each([
  ['../escape.txt'],
  ['/etc/passwd.d'],
  ['a\\b\\c\\d.txt'],
  ['C:/windows.tx'],
  ['a/../../b.txt'],
  ['nul\0byte.text'],
])('the name %j is refused', async (name) => {
  const plain = 'x'.repeat(name.length);
  const archive = renamed(await zip(['fine.txt', '1'], [plain, '2']), plain, name);
  await expect(inspect(archive)).rejects.toThrow(refused('upload.archive-unsafe'));
});

test.each([
  ['a symlink', 0o120777],
  ['a device', 0o060644],
  ['a pipe', 0o010644],
])('%s is refused', async (_, mode) => {
  const archive = await zip(['link', '/etc/passwd', { mode: 0o100644, compress: false }]);
  // yazl writes files only: the mode is patched in the central directory.
  const central = archive.indexOf(Buffer.from('PK\x01\x02'));
  archive.writeUInt32LE((mode << 16) >>> 0, central + 38);
  await expect(inspect(archive)).rejects.toThrow(refused('upload.archive-unsafe'));
});

test('an encrypted entry is refused', async () => {
  const archive = await zip(['secret', 'x']);
  const central = archive.indexOf(Buffer.from('PK\x01\x02'));
  archive.writeUInt16LE(archive.readUInt16LE(central + 8) | 1, central + 8);
  await expect(inspect(archive)).rejects.toThrow(refused('upload.archive-unsafe'));
});

test('a name that stands there twice is refused', async () => {
  const archive = renamed(await zip(['aa.txt', '1'], ['bb.txt', '2']), 'bb.txt', 'aa.txt');
  await expect(inspect(archive)).rejects.toThrow(refused('upload.archive-unsafe'));
});

test('a thousandfold ratio is refused, in one file and in all together', async () => {
  const bomb = await zip(['zeros', Buffer.alloc(20_000_000)]);
  expect(bomb.length).toBeLessThan(21_000);
  await expect(inspect(bomb)).rejects.toThrow(refused('upload.archive-too-large'));

  // Below a mebibyte each, but all the same bytes of the archive: entries that overlap.
  const one = await zip(['000', Buffer.alloc(900_000)]);
  await expect(inspect(overlapping(one, 200))).rejects.toThrow(refused('upload.archive-too-large'));
});

/** The one entry's directory record repeated under other names, all naming the same packed bytes. */
function overlapping(archive: Buffer, times: number): Buffer {
  const centralAt = archive.indexOf(Buffer.from('PK\x01\x02'));
  const endAt = archive.indexOf(Buffer.from('PK\x05\x06'));
  const records = Array.from({ length: times }, (_, at) => {
    const record = Buffer.from(archive.subarray(centralAt, endAt));
    record.write(String(at).padStart(3, '0'), 46);
    return record;
  });
  const central = Buffer.concat(records);
  const end = Buffer.from(archive.subarray(endAt));
  end.writeUInt16LE(times, 8);
  end.writeUInt16LE(times, 10);
  end.writeUInt32LE(central.length, 12);
  return Buffer.concat([archive.subarray(0, centralAt), central, end]);
}

test('what repeats less is unpacked', async () => {
  const text = Buffer.from('the quick brown fox jumps over the lazy dog, again and again\n'.repeat(20_000));
  const noisy = Buffer.concat([text, randomBytes(20_000)]);
  expect(await inspect(await zip(['fox.txt', noisy]))).toMatchObject({ bytes: noisy.length });
});

test('sizes in headers are not believed', async () => {
  const archive = await zip(['zeros', Buffer.alloc(5_000_000)]);
  const central = archive.indexOf(Buffer.from('PK\x01\x02'));
  archive.writeUInt32LE(100, central + 24);
  await expect(inspect(archive)).rejects.toThrow(refused('upload.archive-invalid'));
});

test('bytes that do not match their checksum are refused', async () => {
  const archive = await zip(['file', 'some plain bytes', { compress: false }]);
  archive[archive.indexOf('some plain bytes')]! ^= 1;
  await expect(inspect(archive)).rejects.toThrow(refused('upload.archive-invalid'));
});

test('more entries than allowed are refused by their count', async () => {
  const entries = Array.from({ length: 10_001 }, (_, at) => [`f${at}`, '', { compress: false }] as const);
  await expect(inspect(await zip(...entries))).rejects.toThrow(refused('upload.archive-too-large'));
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('not a zip')],
  ['an end without a middle', Buffer.from('504b0506000000000100010000000000000000000000', 'hex')],
])('%s is not an archive', async (_, bytes) => {
  await expect(inspect(bytes)).rejects.toThrow(refused('upload.archive-invalid'));
});

test('an archive without files is refused', async () => {
  await expect(inspect(await zip())).rejects.toThrow(refused('upload.archive-invalid'));
  await expect(inspect(await zip(['__MACOSX/x', '1']))).rejects.toThrow(refused('upload.archive-invalid'));
});

test('an archive cut anywhere is refused, never half taken', async () => {
  const archive = await zip(['a.txt', 'aaaa'.repeat(50)], ['b.txt', 'bbbb'.repeat(50)]);
  for (let length = 0; length < archive.length; length += 7) {
    await expect(inspect(archive.subarray(0, length))).rejects.toThrow(refused('upload.archive-invalid'));
  }
});
