import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSubjectKeys } from '#events/subject-key-files.ts';
import { ADMIN_KEY, type Answered } from './server-fixture.ts';

const PHOTOS = 119;
/** Of an account: itself and its photos. */
const SUBJECTS = PHOTOS + 1;
const WITHIN = { timeout: 30_000, interval: 50 };

let dir: string;
let child: ChildProcess;
let url: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'strata-erasure-'));
});

afterEach(async () => {
  await kill();
  rmSync(dir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const env = { ...process.env, STRATA_PORT: '0', STRATA_DATA_DIR: dir, STRATA_ADMIN_KEY: ADMIN_KEY };
  child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/main.ts'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  url = await new Promise((resolve, reject) => {
    let printed = '';
    child.stdout?.on('data', (text) => {
      printed += text;
      const address = /http:\/\/\S+/.exec(printed);
      if (address !== null) resolve(address[0]);
    });
    child.once('exit', () => reject(new Error(`the server ended: ${printed}`)));
  });
}

async function kill(): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Answered }> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { Authorization: `Bearer ${ADMIN_KEY}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

function photoOf(library: string, number: number) {
  const sha256 = number.toString(16).padStart(64, '0');
  const size = { bytes: 1, width: 1, height: 1, mediaType: 'image/png' };
  const data = { library, sha256, ...size, takenAt: null, location: null, exif: null, fileName: 'passport.png' };
  return { type: 'AddPhoto', data };
}

/** Subjects that still have a key. */
async function withKeys(): Promise<number> {
  let count = 0;
  for await (const { key } of readSubjectKeys(join(dir, 'keys'))) if (key !== null) count += 1;
  return count;
}

async function openAccount(account: string): Promise<string[]> {
  await call('POST', '/v1/accounts', { account, contact: `${account}@example.com` });
  const commands = Array.from({ length: PHOTOS }, (_, number) => photoOf(account, number));
  const { results } = (await call('POST', '/v1/commands', commands)).body;
  return results.map(({ stream }: Answered) => stream.slice('photo-'.length));
}

test.each([
  ['as soon as it is on the log', SUBJECTS],
  ['when the first key is destroyed', SUBJECTS - 1],
  ['half way', SUBJECTS / 2],
])('kill -9 %s: the next start finishes the erasure of an account', { timeout: 120_000 }, async (_, killedAt) => {
  await start();
  const photos = await openAccount('acme');
  await openAccount('other');
  expect(await withKeys()).toBe(2 * SUBJECTS);
  const { status, body } = await call('POST', '/v1/accounts/acme/erase');
  expect([status, body.events.at(-1).type]).toEqual([200, 'AccountErased']);
  await expect.poll(withKeys, { timeout: 30_000, interval: 1 }).toBeLessThanOrEqual(SUBJECTS + killedAt);
  await kill();

  await start();
  await expect.poll(withKeys, WITHIN).toBe(SUBJECTS);
  const counts = () => call('GET', '/v1/counts?in=photos').then((answer) => answer.body);
  await expect.poll(counts, WITHIN).toMatchObject({ count: PHOTOS });
  for (const photo of photos) {
    const { body: read } = await call('GET', `/v1/photos/${photo}`);
    expect(read.code).toBe('history.erased');
    const { items } = (await call('GET', `/v1/streams/photo-${photo}`)).body;
    expect(items.map(({ type }: Answered) => type)).toEqual(['PhotoAdded', 'PhotoErased']);
    expect(items[0].data.fileName).toBeNull();
  }
});
