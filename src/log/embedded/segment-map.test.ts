import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SegmentMap } from './segment-map.ts';

const RUN_BYTES = 32 * 1024;
const header = { logId: 'ab'.repeat(16), epoch: 1, number: 3, first: 101, previousLength: 64, createdAt: 0 };

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'strata-map-'));
  path = join(dir, '00000003.idx');
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** Groups of 10 events in half a run's bytes, each a second after the one before; an end mark after the fourth. */
function filled(groups: number): SegmentMap {
  const map = new SegmentMap(header.first);
  for (let at = 0; at < groups; at += 1) {
    map.add(map.nextOffset, 10, map.end, RUN_BYTES / 2, at * 1000);
    if (at === 3) map.add(map.nextOffset, 0, map.end, 44, at * 1000);
  }
  return map;
}

test('an offset and a time are found in the run that holds them', () => {
  const map = filled(9);
  const runs = Array.from({ length: map.entries }, (_, at) => map.entry(at));
  expect(runs.map(({ offset }) => offset)).toEqual([101, 121, 141, 161, 181]);
  expect(runs.map(({ recordedAt }) => recordedAt)).toEqual([0, 2000, 4000, 6000, 8000]);
  expect([100, 101, 120, 121, 190, 500].map((offset) => map.entryOf(offset))).toEqual([-1, 0, 0, 1, 4, 4]);
  expect([-1, 0, 1999, 2000, 9999].map((time) => map.entryAtTime(time))).toEqual([-1, 0, 0, 1, 4]);
});

test('a saved map is read up to its last run, from where it is filled on', () => {
  const map = filled(9);
  writeFileSync(path, map.encode(header));
  const loaded = SegmentMap.load(path, header);
  expect(loaded.entries).toBe(map.entries - 1);
  expect({ offset: loaded.nextOffset, position: loaded.end }).toEqual({
    offset: map.entry(4).offset,
    position: map.entry(4).position,
  });
  loaded.add(loaded.nextOffset, 10, loaded.end, RUN_BYTES / 2, 8000);
  expect(loaded.encode(header)).toEqual(map.encode(header));
});

test('a map that is missing, damaged or of another segment is begun again', () => {
  const empty = new SegmentMap(header.first);
  expect(SegmentMap.load(path, header)).toEqual(empty);
  const bytes = filled(9).encode(header);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    writeFileSync(path, flipped);
    expect(SegmentMap.load(path, header).entries).toBe(0);
  }
  writeFileSync(path, bytes.subarray(0, -24));
  expect(SegmentMap.load(path, header).entries).toBe(0);
  writeFileSync(path, bytes);
  expect(SegmentMap.load(path, { ...header, number: 4 }).entries).toBe(0);
  expect(SegmentMap.load(path, { ...header, logId: 'cd'.repeat(16) }).entries).toBe(0);
});
