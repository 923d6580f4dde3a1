import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ZipFile } from 'yazl';
import { readS3Blobs } from '#blobs/s3.ts';
import { strata as run } from './cli-terminal.ts';
import { hasOwnS3Server, hasS3Server, S3_ENV, S3Server } from './s3-server.ts';
import { ADMIN_KEY, ServerFixture } from './server-fixture.ts';

const JPEG = { 'Content-Type': 'image/jpeg' };

describe.skipIf(!hasS3Server())('a server whose blobs lie in S3 (skipped without an S3 server)', () => {
  const s3 = new S3Server();
  const strata = new ServerFixture();
  let scratch: string;
  let blobs: ReturnType<typeof readS3Blobs>;

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'strata-s3-server-'));
    for (const [name, value] of Object.entries(S3_ENV)) vi.stubEnv(name, value);
    await s3.start();
    blobs = readS3Blobs(s3.url);
    await strata.start({ STRATA_BLOBS_URL: s3.url, STRATA_BLOB_GRACE_SECONDS: '1' });
  }, 60_000);

  afterAll(async () => {
    await strata.stop();
    await s3.stop();
    vi.unstubAllEnvs();
    rmSync(scratch, { recursive: true, force: true });
  });

  async function told(env: { readonly [name: string]: string }, ...args: string[]) {
    const { code, out, err } = await run(
      { STRATA_DATA_DIR: strata.dir, STRATA_BLOBS_URL: s3.url, ...env },
      ...args,
      '--json',
    );
    // A slow machine is told of progress.
    expect(code, err).toBe(0);
    return JSON.parse(out);
  }

  const image = (background: string) =>
    sharp({ create: { width: 40, height: 30, channels: 3, background } })
      .jpeg()
      .toBuffer();

  async function upload(background: string) {
    const bytes = await image(background);
    const { status, body } = await strata.call('POST', '/v1/photos', bytes, JPEG);
    expect(status).toBe(201);
    return { bytes, photo: body.photo as string, sha256: body.sha256 as string, position: body.position as string };
  }

  test('photos are uploaded, read, read in the bucket itself, and erased', { timeout: 30_000 }, async () => {
    const { bytes, photo, sha256, position } = await upload('#369');
    const path = `/v1/photos/${photo}/original`;
    const whole = await strata.read(path, position);
    expect([whole.status, whole.headers.get('content-type'), whole.body.equals(bytes)]).toEqual([
      200,
      'image/jpeg',
      true,
    ]);
    const part = await strata.read(path, position, { Range: 'bytes=2-9' });
    expect([part.status, part.body.equals(bytes.subarray(2, 10))]).toEqual([206, true]);

    const sent = await strata.read(path, position, { Prefer: 'redirect' });
    expect([sent.status, sent.headers.get('preference-applied')]).toEqual([307, 'redirect']);
    const direct = await fetch(sent.headers.get('location')!);
    expect([direct.status, direct.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect(Buffer.from(await direct.arrayBuffer()).equals(bytes)).toBe(true);
    const refused = await strata.call('GET', path, undefined, { Prefer: 'redirect', Authorization: 'Bearer no' });
    expect(refused.status).toBe(401);

    expect(await blobs.has(sha256)).toBe(true);
    expect((await strata.call('POST', `/v1/photos/${photo}/erase`, {})).status).toBe(200);
    expect((await strata.read(path, undefined, { Prefer: 'redirect' })).status).toBe(410);
    await vi.waitFor(async () => expect(await blobs.has(sha256)).toBe(false), { timeout: 15_000, interval: 100 });
  });

  test('a worker unpacks an archive, and the server stores its files', { timeout: 30_000 }, async () => {
    await strata.call('POST', '/v1/accounts', { account: 'acme' });
    await strata.call('PUT', '/v1/dapps/site', { account: 'acme' });
    const zip = new ZipFile();
    zip.addBuffer(Buffer.from('<p>hello</p>'), 'index.html');
    for (let n = 0; n < 40; n += 1) zip.addBuffer(Buffer.from(`file ${n}`), `files/${n}.txt`);
    zip.end();
    const archive = Buffer.concat((await Array.fromAsync(zip.outputStream)) as Buffer[]);
    const headers = { 'Content-Type': 'application/zip' };
    const deployed = await strata.call('POST', '/v1/dapps/site/deploys', archive, headers);
    expect([deployed.status, deployed.body.files]).toEqual([201, 41]);
    await strata.read('/v1/dapps/site', deployed.body.position);
    const file = await strata.call('GET', '/dapps/site/files/7.txt');
    expect([file.status, String(file.body)]).toEqual([200, 'file 7']);
    expect(existsSync(join(strata.dir, 'blobs'))).toBe(false);
    expect(readdirSync(join(strata.dir, 'spool'))).toEqual([]);
  });

  test('it is audited, backed up, verified, and restored into a bucket', { timeout: 90_000 }, async () => {
    const { bytes, photo, position } = await upload('#963');
    await strata.read(`/v1/photos/${photo}`, position);
    expect(await told({}, 'audit')).toMatchObject({ ok: true });
    expect(await told({}, 'verify')).toMatchObject({ isWhole: true });
    const target = join(scratch, 'backup');
    const backup = await told({}, 'backup', target);
    expect(backup.blobs.copied).toBeGreaterThan(40);
    expect(await told({}, 'verify', target)).toMatchObject({ isWhole: true });

    const url = new URL(s3.url);
    url.searchParams.set('prefix', `${s3.prefix}-restored`);
    const dir = join(scratch, 'restored');
    const restored = await told({}, 'restore', target, '--data', dir, '--blobs', url.href);
    expect(restored.blobs.copied).toBe(backup.blobs.copied);
    expect(existsSync(join(dir, 'blobs'))).toBe(false);
    const copy = new ServerFixture();
    await copy.start({ STRATA_DATA_DIR: dir, STRATA_BLOBS_URL: url.href });
    try {
      const original = await copy.call('GET', `/v1/photos/${photo}/original`);
      expect([original.status, original.body.equals(bytes)]).toEqual([200, true]);
    } finally {
      await copy.stop();
    }
  });

  test.skipIf(!hasOwnS3Server())(
    'without the bucket uploads are refused for now, and what needs no blob goes on',
    async () => {
      await s3.kill();
      const bytes = await image('#777');
      const refused = await strata.call('POST', '/v1/photos', bytes, JPEG);
      expect([refused.status, refused.body.code]).toEqual([503, 'engine.unavailable']);
      expect(refused.headers.get('retry-after')).toBe('1');
      expect((await strata.call('POST', '/v1/accounts', { account: 'without-blobs' })).status).toBe(201);
      await s3.restart();
      expect(
        (await strata.call('POST', '/v1/photos', bytes, { ...JPEG, Authorization: `Bearer ${ADMIN_KEY}` })).status,
      ).toBe(201);
    },
  );
});
