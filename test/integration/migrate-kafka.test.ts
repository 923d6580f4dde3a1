import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { SharedEngines } from '../end-to-end/shared-engines.ts';
import { strata as run } from './cli-terminal.ts';
import { hasKafka, sharedKafka } from './kafka-brokers.ts';
import { hasRedis } from './redis-server.ts';
import { hasS3Server } from './s3-server.ts';
import { ServerFixture } from './server-fixture.ts';
import { recallHistory, tellHistory } from './told-history.ts';

const missing = [!hasKafka() && 'Kafka', !hasRedis() && 'Redis', !hasS3Server() && 'S3'].filter(Boolean);
const hasAll = missing.length === 0;

const engines = new SharedEngines();
const strata = new ServerFixture();
let dir: string;
let kafka: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-migrated-'));
  if (!hasAll) return;
  kafka = `${await sharedKafka()}/migrate-${randomUUID().slice(0, 8)}`;
  await engines.start();
  await strata.start();
}, 60_000);

afterAll(async () => {
  if (hasAll) await engines.stop();
  for (const folder of [dir, strata.dir]) rmSync(folder, { recursive: true, force: true });
});

async function told(...args: string[]) {
  const { code, out, err } = await run({ STRATA_DATA_DIR: strata.dir }, 'migrate', ...args, '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out);
}

/** `strata migrate` in a process of its own, killed once it has begun to copy. */
async function killedOnTheWay(...args: string[]): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'src/cli/main.ts', 'migrate', ...args],
    { env: { ...process.env, STRATA_DATA_DIR: strata.dir }, stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  const segment = join(strata.dir, 'replica/00000001.seg');
  const copied = () => statSync(segment, { throwIfNoEntry: false })?.size ?? 0;
  await vi.waitFor(() => expect(copied()).toBeGreaterThan(4096), { timeout: 60_000, interval: 1 });
  child.kill('SIGKILL');
  expect((await ended)[1]).toBe('SIGKILL');
}

/** A server on the log at `logUrl`, with Redis, the bucket and the data folder as they are. */
async function serverOn(logUrl: string, dataDir: string): Promise<ServerFixture> {
  const server = new ServerFixture(() => engines.settings(logUrl, 'migrated'));
  await server.start({ STRATA_DATA_DIR: dataDir });
  return server;
}

const name = 'a log goes to Kafka, to other partitions, and back, and answers as it did all the way';
test.skipIf(!hasAll)(hasAll ? name : `${name} (no ${missing.join(', no ')} here)`, { timeout: 180_000 }, async () => {
  const history = await tellHistory(strata);
  const recalled = await recallHistory(strata, history);
  let position = '';
  for (let row = 20; row < 23; row += 1) {
    const pixels = Array.from({ length: 300 }, (_, x) => {
      return { type: 'PlacePixel', data: { board: 'b', x, y: row, color: x % 16 } };
    });
    position = (await strata.call('POST', '/v1/commands', pixels)).body.results.at(-1).position;
  }
  await strata.read('/v1/boards/b', position);
  await strata.server.close();

  const blobs = engines.settings('', 'migrated').STRATA_BLOBS_URL!;
  const three = `${kafka}-three?partitions=3`;
  const there = ['--to', three, '--blobs', blobs];
  await killedOnTheWay(...there);
  const first = await told(...there);
  expect(first).toMatchObject({ isWhole: true, isMarked: true, position });
  const onThree = await serverOn(three, strata.dir);
  try {
    expect(await recallHistory(onThree, history)).toEqual(recalled);
    // Its partitions are given to it a moment after the start.
    const placed = await vi.waitFor(async () => {
      const { status, body } = await onThree.call('PUT', '/v1/boards/b/pixels/0/0', { color: 3 });
      expect(status, body.code).toBe(200);
      return body.position;
    }, 30_000);
    expect(Number(placed)).toBe(first.events + 2);
    await onThree.read('/v1/boards/b', placed);
  } finally {
    await onThree.server.close();
  }

  const one = `${kafka}-one?partitions=1`;
  const from = ['--from', three, '--from-blobs', blobs];
  const toOne = [...from, '--to', one, '--to-data', join(dir, 'one')];
  const second = await told(...toOne);
  expect(await told(...toOne)).toMatchObject({ copied: 0, root: second.root, isWhole: true });
  expect(second).toMatchObject({ isWhole: true, isMarked: false, events: first.events + 2, blobs: null, keys: null });
  const onOne = await serverOn(one, join(dir, 'one'));
  try {
    expect(await recallHistory(onOne, history)).toEqual(recalled);
  } finally {
    await onOne.server.close();
  }

  const back = ['--from', one, '--from-blobs', blobs, '--data', join(dir, 'one')];
  const third = await told(...back, '--to', `file:${dir}/log`, '--to-data', dir, '--blobs', `file:${dir}/blobs`);
  expect(third).toMatchObject({ isWhole: true, events: second.events + 1, keys: first.keys });
  const again = new ServerFixture();
  await again.start({ STRATA_DATA_DIR: dir });
  try {
    expect(await recallHistory(again, history)).toEqual(recalled);
  } finally {
    await again.stop();
  }
});
