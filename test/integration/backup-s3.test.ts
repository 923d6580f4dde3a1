import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ZipFile } from 'yazl';
import { strata as run } from './cli-terminal.ts';
import { hasS3Server, S3_ENV, S3Server } from './s3-server.ts';
import { ServerFixture } from './server-fixture.ts';

describe.skipIf(!hasS3Server())('backups in a bucket (skipped without versitygw)', () => {
  const strata = new ServerFixture();
  const s3 = new S3Server();
  let dir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'strata-s3-restores-'));
    for (const [name, value] of Object.entries(S3_ENV)) vi.stubEnv(name, value);
    await s3.start();
    await strata.start();
    await strata.call('POST', '/v1/accounts', { account: 'acme', contact: 'someone@example.org' });
    await strata.call('PUT', '/v1/boards/b', { width: 30, height: 30 });
    await strata.call('PUT', '/v1/dapps/site', { account: 'acme' });
    const zip = new ZipFile();
    zip.addBuffer(Buffer.from('<p>hello</p>'), 'index.html');
    // More than what is sent from memory.
    zip.addBuffer(randomBytes(9 * 1024 * 1024), 'noise.bin');
    zip.end();
    const archive = Buffer.concat((await Array.fromAsync(zip.outputStream)) as Buffer[]);
    await strata.call('POST', '/v1/dapps/site/deploys', archive, { 'Content-Type': 'application/zip' });
    for (let n = 0; n < 30; n += 1) await strata.call('PUT', `/v1/boards/b/pixels/${n}/1`, { color: n % 16 });
  }, 60_000);

  afterAll(async () => {
    await strata.stop();
    await s3.stop();
    vi.unstubAllEnvs();
    rmSync(dir, { recursive: true, force: true });
  });

  async function told(...args: string[]) {
    const { code, out, err } = await run({ STRATA_DATA_DIR: strata.dir }, ...args, '--json');
    // A slow machine is told of progress.
    expect(code, err).toBe(0);
    return JSON.parse(out);
  }

  test('a backup is made, grows, is verified and restored', { timeout: 60_000 }, async () => {
    const target = `s3://${s3.bucket}/${s3.prefix}?endpoint=${encodeURIComponent(s3.endpoint)}`;
    const first = await told('backup', target);
    await strata.call('PUT', '/v1/boards/b/pixels/5/5', { color: 9 });
    const second = await told('backup', target);
    expect(Number(second.position)).toBe(Number(first.position) + 1);
    expect(await told('verify', target)).toMatchObject({ isWhole: true, position: second.position });
    const restored = await told('restore', target, '--data', join(dir, 'restored'));
    expect(restored).toMatchObject({ position: `e2.${second.position}`, keys: 1, blobs: { copied: 3 } });
    expect(await told('verify', join(dir, 'restored'))).toMatchObject({ isWhole: true });
    const none = await run(
      {},
      'restore',
      `s3://${s3.bucket}/${s3.prefix}-none?endpoint=${s3.endpoint}`,
      '--data',
      join(dir, 'none'),
    );
    expect(none).toMatchObject({ code: 1, err: expect.stringContaining('no finished backup') });
  });
});
