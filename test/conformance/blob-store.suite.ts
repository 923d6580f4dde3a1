import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test, vi } from 'vitest';
import type { BlobStore } from '#blobs/blob-store.ts';
import { openDiskBlobs } from '#blobs/disk.ts';

export type BlobEngine = {
  /** A store without blobs, gone when the test ends. */
  readonly create: () => Promise<BlobStore>;
  readonly skip?: string | undefined;
};

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function* chunks(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

async function listed(blobs: BlobStore) {
  return (await Array.fromAsync(blobs.list())).map((blob) => blob.sha256).sort();
}

/** What `BlobStore` promises, as tests that every engine runs; each test has a new store. */
export function blobStoreSuite(name: string, { create, skip }: BlobEngine): void {
  const title = `${name} keeps the blob store's contract${skip === undefined ? '' : ` (skipped: ${skip})`}`;
  describe.skipIf(skip !== undefined)(title, () => {
    test('bytes come back by their hash, whole and in ranges', async () => {
      const blobs = await create();
      const bytes = Buffer.from('some bytes');
      const hash = await blobs.put(bytes);
      expect(hash).toBe(sha256(bytes));
      expect(await blobs.has(hash)).toBe(true);
      expect(await blobs.size(hash)).toBe(10);
      expect(await blobs.read(hash)).toEqual(bytes);
      expect(await buffer(await blobs.stream(hash))).toEqual(bytes);
      expect(String(await buffer(await blobs.stream(hash, { first: 5, last: 7 })))).toBe('byt');
      expect(await Array.fromAsync(blobs.list())).toEqual([
        { sha256: hash, bytes: 10, modifiedAtMs: expect.any(Number) },
      ]);
    });

    test('a pending blob is nothing until it is kept', async () => {
      const blobs = await create();
      const pending = await blobs.receive(chunks('one ', 'two'), 7);
      expect(pending).toMatchObject({ bytes: 7, sha256: sha256(Buffer.from('one two')) });
      expect(String(await readFile(pending.path))).toBe('one two');
      expect(await blobs.has(pending.sha256)).toBe(false);
      await pending.keep();
      await pending.drop();
      expect(await listed(blobs)).toEqual([pending.sha256]);
      await expect(readFile(pending.path)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    test('a dropped blob leaves nothing', async () => {
      const blobs = await create();
      const pending = await blobs.receive(chunks('x'), 1);
      await pending.drop();
      await pending.drop();
      expect(await blobs.has(pending.sha256)).toBe(false);
      await expect(readFile(pending.path)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    test('the same bytes are kept once, at once or one after the other', async () => {
      const blobs = await create();
      const hashes = await Promise.all(Array.from({ length: 20 }, () => blobs.put(Buffer.from('same'))));
      await blobs.put(Buffer.from('same'));
      expect(new Set(hashes)).toEqual(new Set(await listed(blobs)));
      expect(String(await blobs.read(hashes[0]!))).toBe('same');
    });

    test('blobs of every size come back as they were', { timeout: 30_000 }, async () => {
      const blobs = await create();
      for (const sizeBytes of [0, 1, 65_536, 3_000_000, 16 * 1024 * 1024, 20 * 1024 * 1024 + 7]) {
        const bytes = randomBytes(sizeBytes);
        const hash = await blobs.put(bytes);
        expect(await blobs.size(hash)).toBe(sizeBytes);
        expect((await buffer(await blobs.stream(hash))).equals(bytes)).toBe(true);
        expect(await blobs.put(bytes)).toBe(hash);
        if (sizeBytes < 2) continue;
        const middle = await buffer(await blobs.stream(hash, { first: sizeBytes - 2, last: sizeBytes - 1 }));
        expect(middle).toEqual(bytes.subarray(-2));
      }
    });

    test('more bytes than allowed are refused and not kept, a source that fails is the upload failing', async () => {
      const blobs = await create();
      await expect(blobs.receive(chunks('1234', '5'), 4)).rejects.toMatchObject({ code: 'request.too-large' });
      async function* failing() {
        yield Buffer.from('1');
        throw new Error('aborted');
      }
      await expect(blobs.receive(failing(), 10)).rejects.toMatchObject({ code: 'request.upload-failed' });
      expect(await listed(blobs)).toEqual([]);
    });

    test('nothing but a hash names a blob', async () => {
      const blobs = await create();
      for (const name of ['../../etc/passwd', '', 'A'.repeat(64), `${'a'.repeat(63)}/`, 'a'.repeat(65)]) {
        expect(await blobs.has(name)).toBe(false);
        await expect(blobs.size(name)).rejects.toMatchObject({ code: 'blob.unknown' });
        await expect(blobs.read(name)).rejects.toMatchObject({ code: 'blob.unknown' });
        await expect(blobs.stream(name)).rejects.toMatchObject({ code: 'blob.unknown' });
        await expect(async () => blobs.delete(name)).rejects.toMatchObject({ code: 'blob.unknown' });
      }
    });

    test('an unknown blob is named as such, and deleting one is no error', async () => {
      const blobs = await create();
      const hash = sha256(Buffer.from('never'));
      expect(await blobs.has(hash)).toBe(false);
      await expect(blobs.size(hash)).rejects.toMatchObject({ code: 'blob.unknown' });
      await expect(blobs.read(hash)).rejects.toMatchObject({ code: 'blob.unknown' });
      await expect(blobs.stream(hash)).rejects.toMatchObject({ code: 'blob.unknown' });
      await expect(blobs.stream(hash, { first: 0, last: 1 })).rejects.toMatchObject({ code: 'blob.unknown' });
      await blobs.delete(hash);
      expect(await blobs.deleteStoredBefore(hash, Date.now())).toBe(false);
    });

    test('a deleted blob is gone, and can be stored again', async () => {
      const blobs = await create();
      const hash = await blobs.put(Buffer.from('x'));
      await blobs.delete(hash);
      expect(await blobs.has(hash)).toBe(false);
      await blobs.put(Buffer.from('x'));
      expect(await listed(blobs)).toEqual([hash]);
    });

    test('a blob is deleted if it was stored before a time, and kept if it was stored again since', async () => {
      const blobs = await create();
      const [old, again] = [await blobs.put(Buffer.from('old')), await blobs.put(Buffer.from('again'))];
      const isDeleted = async () => expect(await blobs.deleteStoredBefore(old, Date.now())).toBe(true);
      // A store may know times to the second only.
      await vi.waitFor(isDeleted, { timeout: 10_000, interval: 100 });
      const time = Date.now();
      await blobs.put(Buffer.from('again'));
      expect(await blobs.deleteStoredBefore(again, time)).toBe(false);
      expect(await blobs.deleteStoredBefore(old, time)).toBe(false);
      expect(await listed(blobs)).toEqual([again]);
    });

    test('what is stored while it is deleted is there', { timeout: 60_000 }, async () => {
      const blobs = await create();
      const texts = Array.from({ length: 40 }, (_, at) => `blob ${at}`);
      const hashes = await Promise.all(texts.map((text) => blobs.put(Buffer.from(text))));
      const sentinel = await blobs.put(Buffer.from('as old as they are'));
      const isOld = async () => expect(await blobs.deleteStoredBefore(sentinel, Date.now())).toBe(true);
      await vi.waitFor(isOld, { timeout: 10_000, interval: 100 });
      const time = Date.now();
      await Promise.all(
        hashes.map(async (hash, at) => {
          const deleting = blobs.deleteStoredBefore(hash, time);
          // Each pair meets in another way.
          for (let turn = 0; turn < at * 5; turn += 1) await new Promise(setImmediate);
          await Promise.all([deleting, blobs.put(Buffer.from(texts[at]!))]);
        }),
      );
      expect(await listed(blobs)).toEqual([...hashes].sort());
    });

    test('blobs that another process made are there once they are kept', async () => {
      const blobs = await create();
      const staged = blobs.stage();
      const other = await openDiskBlobs({ dir: staged.dir, incomingDir: staged.incomingDir });
      const hashes = [await other.put(Buffer.from('one')), await other.put(Buffer.from('two'))];
      await staged.keep();
      await staged.drop();
      expect(await listed(blobs)).toEqual(hashes.sort());
      expect(String(await blobs.read(sha256(Buffer.from('two'))))).toBe('two');
      await blobs.stage().drop();
    });
  });
}
