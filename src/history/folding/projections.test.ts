import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EventData } from '#events/event.ts';
import { isStrataError } from '../../errors.ts';
import type { Projections } from '../db.ts';
import { openProjections } from './projections.ts';
import { testDefinitions } from './projections-fixture.ts';

let dir: string;
let head: number;
let projections: Projections;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-projections-'));
  head = 0;
  projections = await open();
});

afterEach(async () => {
  await projections.close();
  rmSync(dir, { recursive: true });
});

function open(): Promise<Projections> {
  const projectorUrl = new URL('./projector-fixture.ts', import.meta.url);
  return openProjections({ dir, logDir: dir, projectorUrl, definitions: testDefinitions, synced: head });
}

/** Appends events and tells the fold that they are synced. */
function append(type: string, ...data: EventData[]): number {
  appendFileSync(join(dir, 'events.jsonl'), data.map((each) => `${JSON.stringify({ type, data: each })}\n`).join(''));
  head += data.length;
  projections.advance(head);
  return head;
}

function sum(key: string, offset?: number): number | null {
  const version = projections.db(offset).collection('sums').get(key);
  return version === null ? null : JSON.parse(version.bytes.toString()).sum;
}

test('what waitFor waited for can be read at once, every time', async () => {
  for (let count = 1; count <= 200; count++) {
    const offset = append('Added', { key: 'a', amount: 1 });
    await projections.waitFor(offset, 5_000);
    expect(projections.checkpoint()).toBeGreaterThanOrEqual(offset);
    expect(sum('a')).toBe(count);
  }
  expect(projections.lagMs()).toBe(0);
});

test('an idle fold commits without being waited for', async () => {
  append('Added', { key: 'a', amount: 5 });
  await expect.poll(() => sum('a')).toBe(5);
});

test('a db is a value: it answers the same whatever is committed after it', async () => {
  await projections.waitFor(append('Added', { key: 'a', amount: 1 }, { key: 'b', amount: 2 }), 5_000);
  await projections.waitFor(append('Painted', { x: 3, y: 4, color: 7 }), 5_000);
  const before = projections.db();
  await projections.waitFor(append('Added', { key: 'a', amount: 9 }, { key: 'c', amount: 0 }), 5_000);
  await projections.waitFor(append('Painted', { x: 3, y: 4, color: 8 }, { x: 500, y: 4, color: 9 }), 5_000);
  expect(before.offset).toBe(3);
  const list = (db = before) => db.collection('sums').list({ index: 'all', value: 'all', limit: 10 });
  expect(list().items.map(({ key, offset }) => [key, offset])).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
  expect(before.collection('sums').count('all', 'all')).toBe(2);
  expect(before.raster('pixels').placement('board', 3, 4)).toEqual({ color: 7, offset: 3 });
  expect(before.raster('pixels').placement('board', 500, 4)).toBeNull();
  const painted = [...(await before.raster('pixels').pixels('board', 512, 8))].filter((color) => color !== 0);
  expect(painted).toEqual([7]);
  const now = projections.db();
  expect(list(now).items.map(({ key }) => key)).toEqual(['c', 'b', 'a']);
  expect(now.raster('pixels').placement('board', 3, 4)).toEqual({ color: 8, offset: 6 });
  expect(now.raster('pixels').changes('board')).toBe(3);
  expect(sum('a', 3)).toBe(1);
});

test('boards are whole at every position while they change under the reader', async () => {
  // Event n paints place n with colour n % 251 + 1, so that a board tells its own position.
  const events = Array.from({ length: 20_000 }, (_, at) => ({
    x: at % 256,
    y: Math.floor(at / 256),
    color: (at % 251) + 1,
  }));
  const last = append('Painted', ...events);
  let boards = 0;
  for (let done = false; !done; boards++) {
    done = projections.checkpoint() === last;
    await setImmediate();
    const db = projections.db();
    const pixels = await db.raster('pixels').pixels('board', 256, 256);
    const painted = pixels.indexOf(0);
    expect(painted).toBe(db.offset);
    expect(pixels.subarray(painted).every((color) => color === 0)).toBe(true);
  }
  expect(boards).toBeGreaterThan(1);
});

test('a read ahead of the fold is refused, and a wait for it ends in time', async () => {
  expect(() => projections.db(7)).toThrow(expect.toSatisfy((error) => isStrataError(error, 'history.not-yet')));
  await expect(projections.waitFor(7, 20)).rejects.toSatisfy((error) => isStrataError(error, 'history.not-yet'));
});

test('an event that only a domain knows is passed over; one that nobody knows stops the fold and names its position', async () => {
  await projections.waitFor(append('Ignored', {}), 5_000);
  append('Added', { key: 'a', amount: 1 });
  append('Mystery', {});
  await expect(projections.waitFor(head, 5_000)).rejects.toThrow('Mystery, which stands at 3');
  expect(projections.fault()).toSatisfy((error) => isStrataError(error, 'history.unknown-event'));
  expect(projections.lagMs()).toBeGreaterThan(0);
});

test('a fold that throws stops everything; what was committed stays readable, and the next start goes on from it', async () => {
  await projections.waitFor(append('Added', { key: 'a', amount: 1 }), 5_000);
  append('Added', { key: 'a', amount: 1 });
  append('Broken', {});
  await expect(projections.waitFor(head, 5_000)).rejects.toThrow('cannot fold Broken at 3: it does not fold');
  expect(sum('a', 1)).toBe(1);
  await projections.close();
  head = 2;
  projections = await open();
  await projections.waitFor(2, 5_000);
  expect(sum('a')).toBe(2);
});

test('a restart goes on where it was', async () => {
  await projections.waitFor(append('Added', { key: 'a', amount: 1 }, { key: 'b', amount: 1 }), 5_000);
  await projections.close();
  projections = await open();
  expect(projections.checkpoint()).toBe(2);
  await projections.waitFor(append('Added', { key: 'a', amount: 1 }), 5_000);
  expect([sum('a'), sum('b'), sum('a', 2)]).toEqual([2, 1, 1]);
});
