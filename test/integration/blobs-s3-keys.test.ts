import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openBucket } from '#blobs/bucket.ts';
import { openSharedSubjectKeys } from '#blobs/open-shared-keys.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { hasOwnS3Server, hasS3Server, S3_ENV, S3Server } from './s3-server.ts';

const s3 = new S3Server();
let root: string;
let fresh = 0;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'strata-s3-keys-'));
  for (const [name, value] of Object.entries(S3_ENV)) vi.stubEnv(name, value);
  if (hasS3Server()) await s3.start();
}, 60_000);

afterAll(async () => {
  await s3.stop();
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** Members that share keys, each with a folder of its own. */
function cluster() {
  const url = new URL(s3.url);
  url.searchParams.set('prefix', `${s3.prefix}/keys-${++fresh}`);
  const dirOf = (name: string) => join(root, `${fresh}-${name}`);
  const dirs = { one: dirOf('one'), two: dirOf('two') };
  const reports: string[] = [];
  const member = async (dir: string) => {
    const report = (message: string) => reports.push(message);
    const keys = await openSharedSubjectKeys({ dir, url: url.href, create: false, report });
    onTestFinished(() => keys.close());
    return keys;
  };
  return { url: url.href, dirs, reports, member };
}

describe.skipIf(!hasS3Server())('keys that members share (skipped without an S3 server)', () => {
  test('members that make keys at once have the same ones, and read them again after a restart', async () => {
    const { dirs, member } = cluster();
    const [one, two] = [await member(dirs.one), await member(dirs.two)];
    const subjects = Array.from({ length: 60 }, (_, at) => `photo-${at % 30}`);
    const [ofOne, ofTwo] = await Promise.all([one.ensure(subjects), two.ensure(subjects.toReversed())]);
    expect(ofOne).toEqual(ofTwo.toReversed());
    expect(new Set(ofOne.map((key) => key.toString('hex'))).size).toBe(30);
    await one.close();
    const again = await member(dirs.one);
    expect(subjects.map((subject) => again.get(subject))).toEqual(ofOne);
  });

  test('a member learns the keys that another one made', async () => {
    const { dirs, member, reports } = cluster();
    const [one, two] = [await member(dirs.one), await member(dirs.two)];
    const [key] = await one.ensure(['account-acme']);
    expect(two.get('account-acme')).toBeNull();
    await two.learn(['account-acme', 'account-acme', 'account-nobody']);
    expect(two.get('account-acme')).toEqual(key);
    expect(two.get('account-nobody')).toBeNull();
    expect(reports).toEqual([expect.stringContaining('account-nobody')]);
  });

  test('what one destroys is destroyed on the others, leaves no byte, and is never made again', async () => {
    const { dirs, member, url } = cluster();
    const [one, two] = [await member(dirs.one), await member(dirs.two)];
    const [key] = await one.ensure(['photo-1']);
    await two.learn(['photo-1']);
    await one.destroy('photo-1');
    await one.destroy('photo-never-made');
    // The other one replicates the event that erases.
    await two.destroy('photo-1');
    for (const keys of [one, two]) {
      expect(keys.get('photo-1')).toBeNull();
      await expect(keys.ensure(['photo-1'])).rejects.toMatchObject({ code: 'subject.erased' });
      await expect(keys.ensure(['photo-never-made'])).rejects.toMatchObject({ code: 'subject.erased' });
    }
    for (const dir of [dirs.one, dirs.two]) expect(readFileSync(join(dir, 'keys.bin')).includes(key!)).toBe(false);
    const bucket = openBucket(url);
    for await (const { key: name } of bucket.list('keys/')) {
      expect(JSON.parse(String(await bucket.read(name)))).toMatchObject({ key: null });
    }
  });

  test('a member that comes later finds the keys, and the tombstones', async () => {
    const { dirs, member } = cluster();
    const one = await member(dirs.one);
    const [key] = await one.ensure(['photo-1', 'photo-2']);
    await one.destroy('photo-2');
    const two = await member(dirs.two);
    expect(two.get('photo-1')).toEqual(key);
    await two.learn(['photo-2']);
    await expect(two.ensure(['photo-2'])).rejects.toMatchObject({ code: 'subject.erased' });
  });

  test('a server that had its keys to itself brings them along, each time that it did', async () => {
    const { dirs, member } = cluster();
    for (const subject of ['photo-1', 'photo-2']) {
      const alone = await openSubjectKeys({ dir: dirs.one });
      const [key] = await alone.ensure([subject]);
      await alone.destroy(`${subject}-erased`);
      await alone.close();
      const shared = await member(dirs.one);
      const two = await member(dirs.two);
      await two.learn([subject, `${subject}-erased`]);
      expect(two.get(subject)).toEqual(key);
      await expect(two.ensure([`${subject}-erased`])).rejects.toMatchObject({ code: 'subject.erased' });
      await Promise.all([shared.close(), two.close()]);
    }
  });

  test('a mirror belongs to one process', async () => {
    const { dirs, member } = cluster();
    const one = await member(dirs.one);
    await expect(member(dirs.one)).rejects.toMatchObject({ code: 'log.locked' });
    await one.close();
    await member(dirs.one);
  });

  test('keys of another log are not mixed in', async () => {
    const { dirs, member } = cluster();
    await (await member(dirs.one)).ensure(['account-acme']);
    const other = await openSubjectKeys({ dir: dirs.two });
    await other.ensure(['account-acme']);
    await other.close();
    await expect(member(dirs.two)).rejects.toMatchObject({ code: 'engine.misconfigured' });
  });

  test.skipIf(!hasOwnS3Server())(
    'without the bucket keys are read, and none is made or destroyed',
    { timeout: 30_000 },
    async () => {
      const { dirs, member } = cluster();
      const one = await member(dirs.one);
      const [key] = await one.ensure(['photo-1']);
      await s3.kill();
      expect(one.get('photo-1')).toEqual(key);
      expect(await one.ensure(['photo-1'])).toEqual([key]);
      await expect(one.ensure(['photo-2'])).rejects.toMatchObject({ code: 'engine.unavailable' });
      await expect(one.destroy('photo-1')).rejects.toMatchObject({ code: 'engine.unavailable' });
      await s3.restart();
      expect(one.get('photo-1')).toEqual(key);
      await one.destroy('photo-1');
      await one.ensure(['photo-2']);
    },
  );
});
