import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openBucket } from '#blobs/bucket.ts';
import { createBucket } from '#blobs/create-bucket.ts';
import { openS3Blobs } from '#blobs/s3.ts';
import { blobStoreSuite } from '../conformance/blob-store.suite.ts';
import { hasOwnS3Server, hasS3Server, S3_ENV, S3Server } from './s3-server.ts';

const WITHOUT = 'skipped without an S3 server';

const s3 = new S3Server();
let dir: string;
let stores = 0;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-s3-blobs-'));
  for (const [name, value] of Object.entries(S3_ENV)) vi.stubEnv(name, value);
  if (hasS3Server()) await s3.start();
}, 60_000);

afterAll(async () => {
  await s3.stop();
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

/** The address of a store of its own. */
function freshUrl(changes: { readonly [name: string]: string } = {}): string {
  const url = new URL(s3.url);
  url.searchParams.set('prefix', `${s3.prefix}/store-${++stores}`);
  for (const [name, value] of Object.entries(changes)) url.searchParams.set(name, value);
  return url.href;
}

function open(url = freshUrl(), create = false) {
  return openS3Blobs({ url, spoolDir: join(dir, `spool-${++stores}`), create });
}

blobStoreSuite('S3', { create: () => open(), ...(!hasS3Server() && { skip: 'there is no S3 server' }) });

describe.skipIf(!hasS3Server())(`blobs in S3 (${WITHOUT})`, () => {
  test('anybody who is given the address reads the blob, in ranges too, and nobody without', async () => {
    const blobs = await open();
    const hash = await blobs.put(Buffer.from('an original'));
    const address = await blobs.presign!(hash, { seconds: 60, mediaType: 'image/png' });
    const answer = await fetch(address, { headers: { Range: 'bytes=3-6' } });
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      206,
      'image/png',
      'orig',
    ]);
    expect((await fetch(address.split('?')[0]!)).status).toBe(403);
    expect((await fetch(address.replace(hash, createHash('sha256').digest('hex')))).status).toBe(403);
  });

  test('what an earlier process left in the spool is removed at open', async () => {
    const spoolDir = join(dir, 'left');
    const url = freshUrl();
    await openS3Blobs({ url, spoolDir, create: false });
    writeFileSync(join(spoolDir, 'left'), 'half an upl');
    await openS3Blobs({ url, spoolDir, create: false });
    expect(readdirSync(spoolDir)).toEqual([]);
  });

  test('who stores a blob while its deletion is announced stores it again once that is over', async () => {
    const url = freshUrl();
    const [blobs, bucket] = [await open(url), openBucket(url)];
    const hash = createHash('sha256').update('stored meanwhile').digest('hex');
    const announcement = `deletions/${hash}-of-another-member`;
    await bucket.put(announcement, Buffer.alloc(0), { ifNone: false });
    let isKept = false;
    const keeping = blobs.put(Buffer.from('stored meanwhile')).then(() => {
      isKept = true;
    });
    await vi.waitFor(async () => expect(await blobs.has(hash)).toBe(true));
    expect(isKept).toBe(false);
    // The other member deletes what it thinks is old.
    await bucket.remove(`blobs/${hash.slice(0, 2)}/${hash}`);
    await bucket.remove(announcement);
    await keeping;
    expect(String(await blobs.read(hash))).toBe('stored meanwhile');
  });

  test('many pages are listed in order', { timeout: 60_000 }, async () => {
    const url = freshUrl();
    const [blobs, bucket] = [await open(url), openBucket(url)];
    const hashes = Array.from({ length: 1100 }, () => randomBytes(32).toString('hex')).sort();
    for (let at = 0; at < hashes.length; at += 50) {
      const some = hashes.slice(at, at + 50);
      const put = (hash: string) => bucket.put(`blobs/${hash.slice(0, 2)}/${hash}`, Buffer.from('x'), { ifNone: true });
      await Promise.all(some.map(put));
    }
    await bucket.put('blobs/00/a-stranger', Buffer.from('x'), { ifNone: true });
    expect((await Array.fromAsync(blobs.list())).map(({ sha256 }) => sha256)).toEqual(hashes);
  });

  test.each([
    's3://',
    's3://bucket?durability=os',
    's3://id:secret@bucket',
    's3://bucket/one?prefix=two',
    's3://bucket?endpoint=localhost:9000',
    'https://bucket',
  ])('%s is no address of a bucket', async (url) => {
    await expect(open(url)).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.not.stringContaining('secret'),
    });
  });
});

describe.skipIf(!hasOwnS3Server())(`an S3 server of our own (${WITHOUT})`, () => {
  test('a bucket that is missing is made, unless that is left to the operator', async () => {
    const url = freshUrl().replace(s3.bucket, 'not-there-yet');
    await expect(open(url)).rejects.toMatchObject({ code: 'engine.misconfigured' });
    const blobs = await open(url, true);
    await blobs.put(Buffer.from('x'));
    expect(await createBucket(url)).toBe(false);
    expect(await createBucket(url.replace('not-there-yet', 'made-ahead'))).toBe(true);
    await open(url.replace('not-there-yet', 'made-ahead'));
  });

  test('wrong credentials are a mistake of the configuration', async () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'another-secret');
    await expect(open()).rejects.toMatchObject({ code: 'engine.misconfigured' });
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', S3_ENV.AWS_SECRET_ACCESS_KEY);
    await open();
  });

  test('a server that does not answer is unavailable, and what is asked then can be asked again', {
    timeout: 60_000,
  }, async () => {
    const blobs = await open();
    const hash = await blobs.put(Buffer.from('kept'));
    await s3.kill();
    await expect(blobs.put(Buffer.from('not kept'))).rejects.toMatchObject({ code: 'engine.unavailable', status: 503 });
    await expect(blobs.read(hash)).rejects.toMatchObject({ code: 'engine.unavailable', retryAfterSeconds: 1 });
    await expect(blobs.has(hash)).rejects.toMatchObject({ code: 'engine.unavailable' });
    await expect(open()).rejects.toMatchObject({ code: 'engine.unavailable' });
    await s3.restart();
    expect(String(await blobs.read(hash))).toBe('kept');
    await blobs.put(Buffer.from('not kept'));
  });

  test('a server killed while blobs are kept has every one that was', { timeout: 120_000 }, async () => {
    const blobs = await open();
    const kept = new Set<string>();
    for (let kill = 0; kill < 3; kill += 1) {
      const before = kept.size;
      let isDead = false;
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        while (!isDead) {
          // One writer's blobs go in parts.
          const sizeBytes = writer === 0 ? 17 * 1024 * 1024 : Math.floor(Math.random() * 200_000);
          await blobs.put(randomBytes(sizeBytes)).then(
            (hash) => kept.add(hash),
            (error: unknown) => expect(error).toMatchObject({ code: 'engine.unavailable' }),
          );
        }
      });
      await vi.waitFor(() => expect(kept.size).toBeGreaterThanOrEqual(before + 30), { timeout: 30_000 });
      await s3.kill();
      isDead = true;
      await Promise.all(writers);
      await s3.restart();
      const found = new Set((await Array.fromAsync(blobs.list())).map(({ sha256 }) => sha256));
      expect(found.isSupersetOf(kept)).toBe(true);
    }
    for (const hash of kept) {
      const bytes = await blobs.read(hash);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(hash);
    }
  });
});
