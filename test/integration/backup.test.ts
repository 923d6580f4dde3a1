import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { strata as run } from './cli-terminal.ts';
import { ServerFixture } from './server-fixture.ts';

const strata = new ServerFixture();
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-backups-'));
  await strata.start();
  await strata.call('PUT', '/v1/boards/b', { width: 300, height: 40 });
  await strata.call('POST', '/v1/accounts', { account: 'acme', contact: 'someone@example.org' });
  await strata.call('POST', '/v1/accounts/acme/grants', { amount: 1000 });
  await strata.call('PUT', '/v1/dapps/site', { account: 'acme', title: 'Site' });
  await strata.call('POST', '/v1/dapps/site/deploys', await zipOf({ 'index.html': '<p>hello</p>' }), {
    'Content-Type': 'application/zip',
  });
  for (let n = 0; n < 6; n += 1) await addPhoto(n);
}, 60_000);

afterAll(async () => {
  await strata.stop();
  rmSync(dir, { recursive: true, force: true });
});

const path = (name: string) => join(dir, name);
const env = () => ({ STRATA_DATA_DIR: strata.dir });

/** Runs `strata … --json`, and expects it to succeed. */
async function told(...args: string[]) {
  const { code, out, err } = await run(env(), ...args, '--json');
  expect(err).toBe('');
  expect(code).toBe(0);
  return JSON.parse(out);
}

async function zipOf(files: { readonly [path: string]: string }): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), name);
  zip.end();
  return Buffer.concat((await Array.fromAsync(zip.outputStream)) as Buffer[]);
}

async function addPhoto(n: number): Promise<string> {
  const background = { r: n * 30, g: 90, b: 30 };
  const picture = await sharp({ create: { width: 40, height: 30, channels: 3, background } })
    .jpeg()
    .toBuffer();
  const added = await strata.call('POST', '/v1/photos', picture, { 'Content-Type': 'image/jpeg' });
  const { photo } = added.body;
  await strata.call('PATCH', `/v1/photos/${photo}`, { set: { title: `title ${n}` }, addTags: ['alps', `tag-${n}`] });
  return photo;
}

/** Draws, debits and edits until it is told to stop. */
function load(server: ServerFixture): () => Promise<void> {
  let isDone = false;
  const callers = Array.from({ length: 8 }, async (_, caller) => {
    for (let n = 0; !isDone; n += 1) {
      await server.call('PUT', `/v1/boards/b/pixels/${n % 300}/${caller}`, { color: n % 16 });
      if (n % 10 === 0) await server.call('POST', '/v1/accounts/acme/debits', { amount: 1, operation: 'pin' });
    }
  });
  return async () => {
    isDone = true;
    await Promise.all(callers);
  };
}

const READS = [
  '/v1/boards/b',
  '/v1/boards/b/bitmap',
  '/v1/boards/b/pixels/7/3',
  '/v1/accounts/acme',
  '/v1/accounts/acme/entries?limit=1000',
  '/v1/dapps',
  '/v1/dapps/site/deploys',
  '/v1/photos',
  '/v1/photos?tag=alps',
];

/** All projections' answers at a position, without what tells the servers apart: epoch and port. */
async function readAll(server: ServerFixture, asOf: string) {
  const answers = [];
  for (const read of READS) {
    const { status, body } = await server.read(`${read}${read.includes('?') ? '&' : '?'}asOf=${asOf}`);
    expect(status).toBe(200);
    const text = Buffer.isBuffer(body) ? body.toString('hex') : JSON.stringify(body);
    answers.push(text.replaceAll('"e2.', '"').replaceAll(new URL(server.url).port, 'PORT'));
  }
  return answers;
}

test('a backup under load, restored, answers every projection as the server did at that position', {
  timeout: 60_000,
}, async () => {
  const stop = load(strata);
  await expect.poll(async () => (await strata.read('/v1/boards/b')).body.placements).toBeGreaterThan(50);
  const first = await told('backup', path('backup'));
  const second = await told('backup', path('backup'));
  await stop();
  expect(second.blobs).toMatchObject({ copied: 0, there: first.blobs.copied, damaged: [] });
  expect(second.events).toBeGreaterThan(first.events);
  expect(await told('verify', path('backup'))).toMatchObject({ isWhole: true, position: second.position });
  expect(await told('verify')).toMatchObject({ isWhole: true, what: 'data folder' });

  const restored = await told('restore', path('backup'), '--data', path('restored'));
  expect(restored.position).toBe(`e2.${second.position}`);
  expect(await told('verify', path('restored'))).toMatchObject({ isWhole: true, events: second.events });
  const again = new ServerFixture();
  await again.start({ STRATA_DATA_DIR: path('restored') });
  try {
    expect(await readAll(again, restored.position)).toEqual(await readAll(strata, second.position));
    const { photo } = (await again.read('/v1/photos?tag=tag-3')).body.items[0];
    expect((await again.read(`/v1/photos/${photo}`)).body.title).toBe('title 3');
    expect((await again.read(`/v1/photos/${photo}/original`)).body).toEqual(
      (await strata.read(`/v1/photos/${photo}/original`)).body,
    );
    expect((await again.read(`/v1/boards/b?asOf=${second.position}`)).body.code).toBe('position.other-epoch');
    const placed = await again.call('PUT', '/v1/boards/b/pixels/0/0', { color: 3 });
    expect(placed.body.position).toMatch(/^e2\./);
  } finally {
    await again.stop();
  }
});

/** `strata` in a process of its own. */
function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/cli/main.ts', ...args], {
    env: { ...process.env, ...env() },
    stdio: 'ignore',
  });
}

/** Ends the process as soon as the condition holds, if it has not ended by then. */
async function killOnce(child: ChildProcess, condition: () => boolean): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  while (child.exitCode === null && !condition()) await new Promise(setImmediate);
  child.kill('SIGKILL');
  await gone;
}

const filesIn = (folder: string) => (existsSync(folder) ? readdirSync(folder, { recursive: true }).length : 0);

test('kill -9 during a backup leaves none or the one before; the next is whole', { timeout: 60_000 }, async () => {
  for (const reached of ['incoming', 'erasures', 'blobs', 'segments', 'manifests']) {
    const name = path(`killed-${reached}`);
    await killOnce(start('backup', name), () => existsSync(join(name, reached)));
    const verified = await run(env(), 'verify', name, '--json');
    if (existsSync(join(name, 'manifests', 'e1.json'))) expect(verified.code).toBe(0);
    else expect(verified).toMatchObject({ code: 1, err: expect.stringContaining('no finished backup') });
    const backup = await told('backup', name);
    expect(await told('verify', name)).toMatchObject({ isWhole: true, position: backup.position });
  }
});

test('kill -9 during a restore: the server refuses what is there, and the same command again finishes it', {
  timeout: 60_000,
}, async () => {
  const backup = await told('backup', path('for-restores'));
  const args = ['restore', path('for-restores'), '--data', path('cut')] as const;
  const marker = join(path('cut'), 'restore-unfinished');
  // Ended at once: killed with some of it there, or done before it could be.
  await killOnce(start(...args), () => existsSync(marker) && existsSync(join(path('cut'), 'log')));
  if (existsSync(marker)) {
    const refused = new ServerFixture();
    await expect(refused.start({ STRATA_DATA_DIR: path('cut') })).rejects.toMatchObject({ code: 'restore.unfinished' });
    rmSync(refused.dir, { recursive: true, force: true });
    expect((await run(env(), 'verify', path('cut'))).err).toContain('cut short');
    expect(await told(...args)).toMatchObject({ position: `e2.${backup.position}` });
  }
  expect(await told('verify', path('cut'))).toMatchObject({ isWhole: true, position: `e2.${backup.position}` });
  expect((await run(env(), ...args)).err).toContain('not empty');
});

test('a blob that nothing names is deleted after its grace, and leaves the backup; what is needed stays', {
  timeout: 60_000,
}, async () => {
  const server = new ServerFixture();
  await server.start();
  const { photo } = (await server.call('POST', '/v1/photos', await jpeg(), { 'Content-Type': 'image/jpeg' })).body;
  await server.call('POST', '/v1/accounts', { account: 'acme' });
  await server.call('PUT', '/v1/dapps/site', { account: 'acme' });
  await server.call('POST', '/v1/dapps/site/deploys', await zipOf({ 'a.txt': 'a' }), {
    'Content-Type': 'application/zip',
  });
  await server.server.close();
  const orphan = 'a3'.repeat(32);
  const folder = join(server.dir, 'blobs', 'a3', 'a3');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, orphan), 'of an upload that never ended');
  const copies = join(path('collected'), 'blobs');
  const backUp = () => run({ STRATA_DATA_DIR: server.dir }, 'backup', path('collected'));
  // A blob that does not match its hash is told, and left out of the backup.
  expect(await backUp()).toMatchObject({ code: 1, err: expect.stringContaining(orphan) });
  mkdirSync(join(copies, 'a3'), { recursive: true });
  writeFileSync(join(copies, 'a3', orphan), 'as if it had been copied');
  const kept = filesIn(copies);
  await server.start({ STRATA_BLOB_GRACE_SECONDS: '0' });
  try {
    await expect.poll(() => existsSync(join(folder, orphan)), { timeout: 20_000 }).toBe(false);
    expect((await server.read(`/v1/photos/${photo}/original`)).status).toBe(200);
    expect((await server.read('/dapps/site/a.txt')).status).toBe(200);
    expect(await backUp()).toMatchObject({ code: 0 });
    expect([filesIn(copies), existsSync(join(copies, 'a3', orphan))]).toEqual([kept - 1, false]);
  } finally {
    await server.stop();
  }
});

function jpeg(): Promise<Buffer> {
  return sharp({ create: { width: 9, height: 9, channels: 3, background: '#123456' } })
    .jpeg()
    .toBuffer();
}

test('a damaged backup is refused by name, and a restore of an old one keeps the erased erased', {
  timeout: 60_000,
}, async () => {
  await told('backup', path('old'));
  writeFileSync(path('erased'), '{"subject":"account:acme"}\n');
  const restored = await told('restore', path('old'), '--data', path('erased-data'), '--erasures', path('erased'));
  expect(restored).toMatchObject({ erased: 1 });
  const again = new ServerFixture();
  await again.start({ STRATA_DATA_DIR: path('erased-data') });
  try {
    const events = await again.read('/v1/streams/account-acme');
    expect(JSON.stringify(events.body)).not.toContain('someone@example.org');
    expect(existsSync(join(path('erased-data'), 'erasures-due'))).toBe(false);
  } finally {
    await again.stop();
  }

  const [blob] = readdirSync(join(path('old'), 'blobs'), { recursive: true })
    .map(String)
    .filter((name) => name.length > 64);
  writeFileSync(join(path('old'), 'blobs', blob!), 'other bytes');
  const refused = await run(env(), 'restore', path('old'), '--data', path('damaged'));
  expect(refused.code).toBe(1);
  expect(refused.err).toContain(blob!.slice(3));
  const verified = await run(env(), 'verify', path('old'));
  expect([verified.code, verified.out]).toEqual([1, expect.stringContaining(blob!.slice(3))]);
});

test('who is erased after a backup stays erased in what is restored from it', { timeout: 60_000 }, async () => {
  const server = new ServerFixture();
  await server.start();
  const as = { 'Content-Type': 'image/jpeg' };
  const { photo, sha256 } = (await server.call('POST', '/v1/photos', await jpeg(), as)).body;
  await server.call('PATCH', `/v1/photos/${photo}`, { set: { title: 'someone on a peak' } });
  await server.call('POST', '/v1/accounts', { account: 'gone', contact: 'gone@example.org' });
  const inData = (...args: string[]) => run({ STRATA_DATA_DIR: server.dir }, ...args, '--json');
  await inData('backup', path('before'));
  expect((await server.call('POST', `/v1/photos/${photo}/erase`, {})).status).toBe(200);
  const erased = await server.call('POST', '/v1/accounts/gone/erase', {});
  expect(erased.status).toBe(200);
  await expect
    .poll(async () => JSON.parse((await inData('backup', path('after'))).out).erased, { timeout: 20_000 })
    .toBe(2);
  await server.stop();

  const [list] = readdirSync(join(path('after'), 'erasures'));
  const erasures = join(path('after'), 'erasures', list!);
  // An old backup with a newer list of the erased, and the newest backup up to a position before.
  await told('restore', path('before'), '--data', path('before-data'), '--erasures', erasures);
  await told('restore', path('after'), '--data', path('after-data'), '--to', '2');
  for (const name of ['before-data', 'after-data']) {
    const again = new ServerFixture();
    await again.start({ STRATA_DATA_DIR: path(name), STRATA_BLOB_GRACE_SECONDS: '0' });
    try {
      await expect.poll(async () => (await again.read(`/v1/photos/${photo}`)).status).toBe(410);
      expect((await again.read(`/v1/photos/${photo}/original`)).status).toBe(410);
      if (name === 'before-data')
        await expect.poll(async () => (await again.read('/v1/accounts/gone')).status).toBe(410);
      const blob = join(path(name), 'blobs', sha256.slice(0, 2), sha256.slice(2, 4), sha256);
      await expect.poll(() => existsSync(blob), { timeout: 20_000 }).toBe(false);
    } finally {
      await again.server.close();
    }
    expect(await told('verify', path(name))).toMatchObject({ isWhole: true });
  }
});
