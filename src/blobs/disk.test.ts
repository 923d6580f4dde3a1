import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { BlobStore } from './blob-store.ts';
import { openDiskBlobs } from './disk.ts';

let dir: string;
let blobs: BlobStore;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-blobs-'));
  blobs = await openDiskBlobs({ dir });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const pathOf = (hash: string) => join(dir, hash.slice(0, 2), hash.slice(2, 4), hash);

async function* chunks(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

async function listed() {
  return (await Array.fromAsync(blobs.list())).map((blob) => blob.sha256).sort();
}

test('bytes come back by their hash, whole and in ranges', async () => {
  const bytes = Buffer.from('some bytes');
  const hash = await blobs.put(bytes);
  expect(hash).toBe(sha256(bytes));
  expect(await blobs.has(hash)).toBe(true);
  expect(await blobs.size(hash)).toBe(10);
  expect(await blobs.read(hash)).toEqual(bytes);
  expect(await buffer(await blobs.stream(hash))).toEqual(bytes);
  expect(String(await buffer(await blobs.stream(hash, { first: 5, last: 7 })))).toBe('byt');
  expect(await readFile(pathOf(hash))).toEqual(bytes);
});

test('a pending blob is nothing until it is kept', async () => {
  const pending = await blobs.receive(chunks('one ', 'two'), 7);
  expect(pending).toMatchObject({ bytes: 7, sha256: sha256(Buffer.from('one two')) });
  expect(String(await readFile(pending.path))).toBe('one two');
  expect(await blobs.has(pending.sha256)).toBe(false);
  await pending.keep();
  await pending.drop();
  expect(await listed()).toEqual([pending.sha256]);
  expect(await readdir(join(dir, 'incoming'))).toEqual([]);
});

test('the same bytes are kept once, at once or one after the other, and count as new', async () => {
  const [first] = await Promise.all(Array.from({ length: 20 }, () => blobs.put(Buffer.from('same'))));
  await utimes(pathOf(first!), 1, 1);
  await blobs.put(Buffer.from('same'));
  expect(await listed()).toEqual([first]);
  expect((await stat(pathOf(first!))).mtimeMs).toBeGreaterThan(1_000_000);
  expect(await readdir(join(dir, 'incoming'))).toEqual([]);
});

test('a blob cut short on the disk is replaced when its bytes come again', async () => {
  const hash = await blobs.put(Buffer.from('whole'));
  await writeFile(pathOf(hash), 'who');
  await blobs.put(Buffer.from('whole'));
  expect(String(await blobs.read(hash))).toBe('whole');
});

test('more bytes than allowed are refused and not kept', async () => {
  await expect(blobs.receive(chunks('1234', '5'), 4)).rejects.toMatchObject({ code: 'request.too-large' });
  expect(await readdir(join(dir, 'incoming'))).toEqual([]);
});

test('a source that fails is the upload failing, and is told to end when the disk fails first', async () => {
  async function* failing() {
    yield Buffer.from('1');
    throw new Error('aborted');
  }
  await expect(blobs.receive(failing(), 10)).rejects.toMatchObject({ code: 'request.upload-failed' });

  let ended = false;
  async function* endless() {
    try {
      for (;;) yield Buffer.from('1');
    } finally {
      ended = true;
    }
  }
  await expect(blobs.receive(endless(), 10)).rejects.toMatchObject({ code: 'request.too-large' });
  expect(ended).toBe(true);
  expect(await readdir(join(dir, 'incoming'))).toEqual([]);
});

test.each([
  ['ENOSPC', 'log.disk-full'],
  ['EIO', 'blob.write-failed'],
])('a disk that answers %s is %s', async (system, code) => {
  const handle = await open(join(dir, 'any'), 'w');
  const prototype = Object.getPrototypeOf(handle) as { write(): Promise<unknown>; datasync(): Promise<unknown> };
  await handle.close();
  const refuse = () => Promise.reject(Object.assign(new Error(system), { code: system }));

  const write = vi.spyOn(prototype, 'write').mockImplementation(refuse);
  await expect(blobs.put(Buffer.from('x'))).rejects.toMatchObject({ code });
  write.mockRestore();
  const datasync = vi.spyOn(prototype, 'datasync').mockImplementation(refuse);
  await expect(blobs.put(Buffer.from('x'))).rejects.toMatchObject({ code });
  datasync.mockRestore();

  expect(await listed()).toEqual([]);
  expect(await readdir(join(dir, 'incoming'))).toEqual([]);
  await blobs.put(Buffer.from('x'));
  expect(await listed()).toHaveLength(1);
});

test('what an earlier process left unfinished is removed at open; blobs and strangers stay', async () => {
  const hash = await blobs.put(Buffer.from('x'));
  await blobs.receive(chunks('left'), 4);
  await mkdir(join(dir, 'incoming', 'job'));
  await mkdir(join(dir, 'ff', 'notes'), { recursive: true });
  blobs = await openDiskBlobs({ dir });
  expect(await readdir(join(dir, 'incoming'))).toEqual([]);
  expect(await listed()).toEqual([hash]);
});

test('a folder named relatively is the same folder', async () => {
  const named = await openDiskBlobs({ dir: `./${relative('.', dir)}` });
  const hash = await named.put(Buffer.from('named relatively'));
  expect(await blobs.has(hash)).toBe(true);
});

test('a blob is deleted if it was stored before a time, and kept if it was stored again since', async () => {
  const [old, again] = [await blobs.put(Buffer.from('old')), await blobs.put(Buffer.from('again'))];
  for (const hash of [old, again]) await utimes(pathOf(hash), 1000, 1000);
  const time = Date.now() - 1000;
  await blobs.put(Buffer.from('again'));
  expect(await blobs.deleteStoredBefore(again, time)).toBe(false);
  expect(await blobs.deleteStoredBefore(old, time)).toBe(true);
  expect(await blobs.deleteStoredBefore(old, time)).toBe(false);
  expect(await listed()).toEqual([again]);
});
