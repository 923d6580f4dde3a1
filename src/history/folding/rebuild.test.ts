import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EventData } from '#events/event.ts';
import type { Db } from '../db.ts';
import { MemoryLog } from './folding-fixture.ts';
import { prepareProjections } from './prepare.ts';
import { openProjections } from './projections.ts';
import { testDefinitions, testPromotionOf } from './projections-fixture.ts';
import type { ProjectionStatus, RebuildableProjections } from './rebuildable.ts';

const TIMEOUT_MS = 10_000;

let dir: string;
let head: number;
let projections: RebuildableProjections;
let reports: string[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-rebuild-'));
  head = 0;
  reports = [];
  projections = await open();
});

afterEach(async () => {
  await projections.close();
  rmSync(dir, { recursive: true });
});

function open({ replacedKeptMs = 0, definitions = testDefinitions } = {}): Promise<RebuildableProjections> {
  const projectorUrl = new URL('./projector-fixture.ts', import.meta.url);
  return openProjections({
    dir,
    logDir: dir,
    projectorUrl,
    definitions,
    synced: head,
    promotionOf: testPromotionOf,
    replacedKeptMs,
    report: (message) => reports.push(message),
  });
}

function append(type: string, ...data: EventData[]): number {
  appendFileSync(join(dir, 'events.jsonl'), data.map((each) => `${JSON.stringify({ type, data: each })}\n`).join(''));
  head += data.length;
  projections.advance(head);
  return head;
}

/** Event n paints place n - 1 with colour n % 251 + 1, so that a board tells its own position. */
function paint(count: number): number {
  const places = Array.from({ length: count }, (_, at) => head + at);
  return append(
    'Painted',
    ...places.map((at) => ({ x: at % 256, y: Math.floor(at / 256), color: ((at + 1) % 251) + 1 })),
  );
}

const status = (): ProjectionStatus => projections.status('test');

async function caughtUp(): Promise<void> {
  await expect
    .poll(() => status().rebuild?.isCaughtUp && status().rebuild?.offset === head, { timeout: TIMEOUT_MS })
    .toBe(true);
}

async function promote(generation: number): Promise<void> {
  append('Promoted', { projection: 'test', version: 1, generation });
  expect(await projections.takenOver('test', generation, TIMEOUT_MS)).toBe(true);
}

async function sumAt(db: Db): Promise<number> {
  return JSON.parse(db.collection('sums').get('a')!.bytes.toString()).sum;
}

test('a rebuild takes over while events come in and readers read, and no read fails or is stale', async () => {
  append('Added', ...Array.from({ length: 3_000 }, () => ({ key: 'a', amount: 1 })));
  await projections.waitFor(head, TIMEOUT_MS);
  const before = projections.db();
  const promotions = (db: Db) => (db.collection('promotions').get('test') === null ? 0 : 1);
  let done = false;
  let reads = 0;
  const reading = (async () => {
    let last = 0;
    while (!done) {
      await setImmediate();
      const offset = projections.checkpoint();
      expect(offset).toBeGreaterThanOrEqual(last);
      last = offset;
      for (const db of [projections.db(), projections.db(offset)])
        expect(await sumAt(db)).toBe(db.offset - promotions(db));
      expect(await sumAt(before)).toBe(3_000);
      reads += 1;
    }
  })();
  projections.rebuild('test');
  projections.rebuild('test');
  let promoting: Promise<boolean> | null = null;
  while (status().generation === 1) {
    append('Added', ...Array.from({ length: 20 }, () => ({ key: 'a', amount: 1 })));
    await projections.waitFor(head, TIMEOUT_MS);
    if (promoting === null && status().rebuild?.isCaughtUp) {
      append('Promoted', { projection: 'test', version: 1, generation: 2 });
      promoting = projections.takenOver('test', 2, TIMEOUT_MS);
    }
  }
  expect(await promoting).toBe(true);
  append('Added', { key: 'a', amount: 1 });
  await projections.waitFor(head, TIMEOUT_MS);
  done = true;
  await reading;
  expect(reads).toBeGreaterThan(1);
  expect(status()).toMatchObject({ generation: 2, rebuild: null });
  await expect.poll(() => existsSync(join(dir, 'projections', 'test@1')), { timeout: TIMEOUT_MS }).toBe(false);
  expect(await sumAt(before)).toBe(3_000);
  expect(await sumAt(projections.db())).toBe(head - 1);
  expect(reports).toEqual([]);
});

test('boards switch with their live tiles, and past boards are those of before', async () => {
  await projections.waitFor(paint(5_000), TIMEOUT_MS);
  projections.rebuild('test');
  await caughtUp();
  await promote(2);
  const last = append('Painted', { x: 0, y: 0, color: 0 });
  await projections.waitFor(last, TIMEOUT_MS);
  const pixels = await projections.db().raster('pixels').pixels('board', 256, 256);
  expect(pixels.findLastIndex((color) => color !== 0)).toBe(4_999);
  expect(pixels[0]).toBe(0);
  expect((await projections.db(1_234).raster('pixels').pixels('board', 256, 256)).indexOf(0)).toBe(1_234);
  expect(projections.db().raster('pixels').changes('board')).toBe(5_001);
});

test('a rebuild goes on after a restart, and what has taken over serves after one', async () => {
  append('Added', ...Array.from({ length: 2_000 }, () => ({ key: 'a', amount: 1 })));
  await projections.waitFor(head, TIMEOUT_MS);
  projections.rebuild('test');
  await expect.poll(() => status().rebuild?.offset, { timeout: TIMEOUT_MS }).toBe(2_000);
  await projections.close();
  projections = await open({ replacedKeptMs: TIMEOUT_MS });
  expect(status()).toMatchObject({ generation: 1, rebuild: { generation: 2 } });
  await expect.poll(() => status().rebuild?.eventsPerSecond, { timeout: TIMEOUT_MS }).toBe(0);
  await caughtUp();
  await promote(2);
  await projections.close();
  projections = await open();
  expect(status()).toMatchObject({ generation: 2, rebuild: null });
  expect(readdirSync(join(dir, 'projections')).filter((name) => name.startsWith('test'))).toEqual([]);
  append('Added', { key: 'a', amount: 1 });
  await projections.waitFor(head, TIMEOUT_MS);
  expect(await sumAt(projections.db())).toBe(2_001);
  expect(await sumAt(projections.db(100))).toBe(100);
});

test('a promotion that was folded just before the end takes over after the start', async () => {
  append('Added', { key: 'a', amount: 1 });
  await projections.waitFor(head, TIMEOUT_MS);
  projections.rebuild('test');
  await caughtUp();
  await projections.close();
  appendFileSync(
    join(dir, 'events.jsonl'),
    `${JSON.stringify({ type: 'Promoted', data: { projection: 'test', version: 1, generation: 2 } })}\n`,
  );
  head += 1;
  projections = await open();
  expect(await projections.takenOver('test', 2, TIMEOUT_MS)).toBe(true);
  expect(await sumAt(projections.db())).toBe(1);
});

test('the next rebuild replaces the last, whose folder goes', async () => {
  append('Added', { key: 'a', amount: 1 });
  await projections.waitFor(head, TIMEOUT_MS);
  for (const generation of [2, 3, 4]) {
    projections.rebuild('test');
    expect(status().rebuild?.generation).toBe(generation);
    await caughtUp();
    await promote(generation);
  }
  const rebuilt = join(dir, 'projections', 'rebuilt');
  await expect.poll(() => readdirSync(rebuilt), { timeout: TIMEOUT_MS }).toEqual(['test@1.4']);
  expect(await sumAt(projections.db())).toBe(1);
});

test('what was prepared for the next program serves from its start on', async () => {
  append('Added', ...Array.from({ length: 500 }, () => ({ key: 'a', amount: 1 })));
  await projections.waitFor(head, TIMEOUT_MS);
  await projections.close();
  rmSync(join(dir, 'projections'), { recursive: true });
  const [own, other] = [testDefinitions[0]!, testDefinitions[1]!];
  projections = await open({ definitions: [other] });
  await projections.waitFor(head, TIMEOUT_MS);

  const log = new MemoryLog();
  for (let at = 0; at < head; at++) log.append('Added', { key: 'a', amount: 1 });
  await prepareProjections({ dataDir: dir, log, definitions: [own, other], eventTypes: [] });
  append('Added', { key: 'a', amount: 1 });
  await projections.waitFor(head, TIMEOUT_MS);
  await projections.close();
  projections = await open();
  expect(status().offset).toBeGreaterThanOrEqual(500);
  await projections.waitFor(head, TIMEOUT_MS);
  expect(await sumAt(projections.db())).toBe(501);
  expect(existsSync(join(dir, 'projections', 'test@1'))).toBe(false);
  expect(reports).toEqual([]);
});

test('the fingerprints of both copies are the same, and an unknown projection is refused', async () => {
  append('Added', ...Array.from({ length: 50 }, (_, at) => ({ key: `k${at % 7}`, amount: at })));
  await projections.waitFor(head, TIMEOUT_MS);
  const { collections } = status();
  expect(collections.sums?.count).toBe(7);
  projections.rebuild('test');
  await caughtUp();
  await promote(2);
  expect(status().collections).toEqual(collections);
  expect(() => projections.rebuild('none')).toThrow(expect.objectContaining({ code: 'projection.unknown' }));
});
