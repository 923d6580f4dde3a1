import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { strata as run } from './cli-terminal.ts';
import { ServerFixture } from './server-fixture.ts';
import { recallHistory, tellHistory } from './told-history.ts';

// Between embedded logs, which every machine has; migrate-kafka.test.ts and migrate-eventstore.test.ts go on to the others.

const strata = new ServerFixture();
let dir: string;
let told: { readonly middle: string; readonly end: string };
let recalled: readonly string[];

beforeAll(async () => {
  await strata.start();
  told = await tellHistory(strata);
  recalled = await recallHistory(strata, told);
  await strata.server.close();
}, 60_000);

afterAll(() => rmSync(strata.dir, { recursive: true, force: true }));

/** The data folder of a server that is stopped; each test has its own. */
let data: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'strata-migrated-'));
  data = join(dir, 'old');
  cpSync(strata.dir, data, { recursive: true });
  return () => rmSync(dir, { recursive: true, force: true });
});

const migrate = (...args: string[]) => run({ STRATA_DATA_DIR: data }, 'migrate', ...args, '--json');
const toOther = (...args: string[]) => migrate('--to', `file:${dir}/log`, '--to-data', dir, ...args);

test('a migrated log answers as the old one did, at every position, and goes on', { timeout: 60_000 }, async () => {
  const { code, out, err } = await toOther('--keep-source');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const report = JSON.parse(out);
  expect(report).toMatchObject({ isWhole: true, isMarked: false, copied: report.events, position: `${report.events}` });
  expect(report.projections.structures.length).toBeGreaterThan(8);
  expect(report.projections.structures.every(({ equal }: { equal: boolean }) => equal)).toBe(true);

  const again = new ServerFixture();
  await again.start({ STRATA_DATA_DIR: dir });
  try {
    expect(await recallHistory(again, told)).toEqual(recalled);
    const debit = { amount: 1, operation: 'pin' };
    const twice = await again.call('POST', '/v1/accounts/acme/debits', debit, { 'Idempotency-Key': 'once' });
    expect(twice.headers.get('idempotency-replayed')).toBe('true');
    const next = await again.call('PUT', '/v1/boards/b/pixels/0/0', { color: 3 });
    expect(Number(next.body.position)).toBe(report.events + 2);
    const [migrated] = (await again.read(`/v1/events?after=${report.position}&limit=1`)).body.items;
    expect(migrated).toMatchObject({
      type: 'LogMigrated',
      data: { from: 'embedded', to: 'embedded', size: report.events, root: report.root },
    });
    expect(migrated.data.checkpoint).toContain(`\n${report.events}\n`);
  } finally {
    await again.stop();
  }
});

test('a log that was moved is written to no more, unless someone says so', { timeout: 60_000 }, async () => {
  const { code, out } = await migrate('--to', `file:${dir}/log`);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ isMarked: true, blobs: null });
  const old = new ServerFixture();
  await expect(old.start({ STRATA_DATA_DIR: data })).rejects.toMatchObject({ code: 'log.moved' });
  const again = await migrate('--to', `file:${dir}/log`);
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining(`went on at file:${dir}/log`) });

  // The rest of the data folder serves the moved log as it is.
  const server = new ServerFixture();
  await server.start({ STRATA_DATA_DIR: data, STRATA_LOG_URL: `file:${dir}/log` });
  try {
    expect(await recallHistory(server, told)).toEqual(recalled);
  } finally {
    await server.stop();
  }
});

test('run again, it copies nothing and says the same', async () => {
  const first = JSON.parse((await toOther('--keep-source')).out);
  const second = JSON.parse((await toOther('--keep-source')).out);
  expect(second).toMatchObject({ copied: 0, root: first.root, position: first.position, isWhole: true });
  expect(second.blobs).toMatchObject({ copied: 0, there: first.blobs.copied, damaged: [] });
});

test('a log in use, another log, and one that went on are refused', { timeout: 60_000 }, async () => {
  const other = new ServerFixture();
  await other.start();
  try {
    await other.call('PUT', '/v1/boards/other', { width: 8, height: 8 });
    const inUse = await migrate('--from', `file:${other.dir}/log`, '--to', `file:${dir}/log`);
    expect(inUse).toMatchObject({ code: 1, err: expect.stringContaining('is in use by process') });
    await other.server.close();
    const taken = await migrate('--to', `file:${other.dir}/log`);
    expect(taken).toMatchObject({ code: 1, err: expect.stringContaining('the target holds the log') });
  } finally {
    await other.stop();
  }

  await toOther('--keep-source');
  const server = new ServerFixture();
  await server.start({ STRATA_DATA_DIR: data });
  await server.call('PUT', '/v1/boards/b/pixels/1/1', { color: 1 });
  await server.stop();
  const stale = await toOther('--keep-source');
  expect(stale).toMatchObject({ code: 1, err: expect.stringContaining('it was migrated before') });
});

test('what cannot be meant is told at once', async () => {
  const wrong: readonly (readonly [string[], string])[] = [
    [['--to', 'ftp://x'], '--to: STRATA_LOG_URL must begin with'],
    [['--to', `file:${data}/log`], 'both logs lie in'],
    [['--to', 'kafka://127.0.0.1:1'], 'name a bucket with --blobs'],
    [['--from', `file:${dir}/none`, '--to', `file:${dir}/log`], 'there is no log in'],
    [['--to', `file:${dir}/log`, '--blobs', 's3://b', '--without-blobs'], 'exclude each other'],
  ];
  for (const [args, message] of wrong) {
    const { code, err } = await migrate(...args);
    expect(err).toContain(message);
    expect(code).toBeGreaterThan(0);
  }
  expect(existsSync(join(dir, 'none'))).toBe(false);
});
