import { cpSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '#events/definition.ts';
import { createCodec } from '#events/encoding.ts';
import { eventId } from '#events/identity.ts';
import type { Write } from '#log/event-log.ts';
import { type EmbeddedLog, openEmbeddedLog } from './embedded-log.ts';
import { IndexStore } from './index-store.ts';
import { StreamTail } from './stream-tails.ts';

const codec = createCodec([defineEvent({ type: 'Counted', schema: z.strictObject({ n: z.int() }) })]);
const STREAMS = 5;
const WEEK_MS = 7 * 24 * 3600 * 1000;

let dir: string;
let reports: string[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'strata-index-'));
  reports = [];
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

test('an index that is gone is made again', async () => {
  await fill(0, 50);
  rmSync(join(dir, 'index'), { recursive: true });
  await expectIndexed(50);
});

test('an index that cannot be opened is made again', async () => {
  await fill(0, 50);
  writeFileSync(join(dir, 'index', 'data.mdb'), Buffer.alloc(16_384, 'not a tree'));
  await expectIndexed(50);
  expect(reports.join()).toContain('is made again');
});

test('an index that was cut short is made again', async () => {
  await fill(0, 50);
  truncateSync(join(dir, 'index', 'data.mdb'), 8192);
  await expectIndexed(50);
  expect(reports.join()).toContain('is made again');
});

test('the index of a log of years is made again, with the keys of the last weeks', async () => {
  const weeks = 200;
  let now = 0;
  const log = await openEmbeddedLog({ dir, codec, durability: 'fsync', clock: () => now });
  for (let n = 0; n < weeks; n += 1) {
    now += WEEK_MS;
    await log.append([count(n)]);
  }
  await log.close();
  rmSync(join(dir, 'index'), { recursive: true });
  for (let opening = 0; opening < 2; opening += 1) {
    const again = await open();
    for (const n of [weeks - 1, weeks - 2]) {
      expect(await again.keyed(`s-${n % STREAMS}`, keyOf(n))).toMatchObject([{ data: { n } }]);
    }
    await again.close();
  }
  expect(reports).toEqual([]);
});

test('an index that is behind is brought up to the head', async () => {
  await fill(0, 50);
  const older = join(dir, 'older');
  cpSync(join(dir, 'index'), older, { recursive: true });
  await fill(50, 120);
  rmSync(join(dir, 'index'), { recursive: true });
  cpSync(older, join(dir, 'index'), { recursive: true });
  await expectIndexed(120);
});

test('an index of another log is made again', async () => {
  await fill(0, 50);
  const own = dir;
  dir = join(own, 'other');
  await fill(0, 80);
  rmSync(join(own, 'index'), { recursive: true });
  cpSync(join(dir, 'index'), join(own, 'index'), { recursive: true });
  dir = own;
  await expectIndexed(50);
  expect(reports.join()).toContain('is of another log');
});

test('an index that knew more than a log that was put back is made again', async () => {
  await fill(0, 50);
  const segment = join(dir, '00000001.seg');
  cpSync(segment, join(dir, 'copy'));
  await fill(50, 80);
  cpSync(join(dir, 'copy'), segment);
  await expectIndexed(50);
  expect(reports.join()).toContain('knew the log up to 80');
});

test('a write of the index that was interrupted before its checkpoint leaves no key behind', async () => {
  await fill(0, 50);
  const older = join(dir, 'older');
  cpSync(join(dir, 'index'), older, { recursive: true });
  await fill(50, 60);
  rmSync(join(dir, 'index'), { recursive: true });
  cpSync(older, join(dir, 'index'), { recursive: true });
  // The offsets of 51-60 are written, their keys and the checkpoint are not.
  const store = IndexStore.open(join(dir, 'index'), fail);
  const tails = Array.from({ length: STREAMS }, (_, stream) => {
    const tail = new StreamTail(`s-${stream}`, 11);
    tail.indexing = [50 + stream + 1, 55 + stream + 1];
    return tail;
  });
  await store.write(tails, [], store.checkpoint!);
  await store.close();
  await expectIndexed(60);
  expect(reports).toEqual([]);
});

test('an index that says what is not so is found out, and made again', async () => {
  await fill(0, 50);
  const store = IndexStore.open(join(dir, 'index'), fail);
  const tail = new StreamTail('s-0', 12);
  tail.indexing = [47, 49, 50];
  await store.write([tail], [], store.checkpoint!);
  await store.close();
  const log = await open();
  await expect(Array.fromAsync(log.readStream('s-0'))).rejects.toMatchObject({ code: 'log.corrupt' });
  expect(log.fault()).toMatchObject({ code: 'log.corrupt' });
  await log.close();
  await expectIndexed(50);
});

function fail(message: string): never {
  throw new Error(message);
}

function open(): Promise<EmbeddedLog> {
  return openEmbeddedLog({ dir, codec, durability: 'fsync', report: (message) => reports.push(message) });
}

function keyOf(n: number): string {
  return eventId('key', String(n), 0);
}

/** Event n goes to stream n mod 5, and has a key of its own. */
function count(n: number): Write {
  const [id, keyMark] = [eventId('counted', String(n), 0), { key: keyOf(n), body: keyOf(n) }];
  const event = { id, type: 'Counted', version: 1, at: 0, actor: 'admin', causation: null, keyMark, data: { n } };
  return { stream: `s-${n % STREAMS}`, expected: 'any', events: [event] };
}

async function fill(from: number, to: number): Promise<void> {
  const log = await open();
  expect(log.headOffset()).toBe(from);
  for (let n = from; n < to; n += 1) await log.append([count(n)]);
  await log.close();
}

/** Every stream and every key is found, in an index as it is opened and as it is opened again. */
async function expectIndexed(events: number): Promise<void> {
  for (let opening = 0; opening < 2; opening += 1) {
    const log = await open();
    for (let stream = 0; stream < STREAMS; stream += 1) {
      const read = await Array.fromAsync(log.readStream(`s-${stream}`), ({ data }) => data.n);
      expect(read).toEqual(Array.from({ length: events / STREAMS }, (_, at) => at * STREAMS + stream));
    }
    for (let n = 0; n < events; n += 1) {
      expect(await log.keyed(`s-${n % STREAMS}`, keyOf(n))).toMatchObject([{ data: { n } }]);
    }
    await log.close();
  }
}
