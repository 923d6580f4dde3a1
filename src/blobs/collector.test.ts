import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { BlobStore } from './blob-store.ts';
import { readCollected } from './collected.ts';
import { BlobCollector } from './collector.ts';
import { openDiskBlobs } from './disk.ts';

const HOUR_MS = 3_600_000;

let dir: string;
let blobs: BlobStore;
let named: Set<string>;
let collector: BlobCollector;
let reports: string[];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  vi.setSystemTime(Date.now() + 24 * HOUR_MS);
  dir = mkdtempSync(join(tmpdir(), 'strata-collector-'));
  blobs = await openDiskBlobs({ dir: join(dir, 'blobs') });
  named = new Set();
  reports = [];
  collector = BlobCollector.start({
    blobs,
    dataDir: dir,
    namedAmong: async (sha256s) => new Set(sha256s.filter((sha256) => named.has(sha256))),
    graceMs: 2 * HOUR_MS,
    clock: Date.now,
    report: (message) => reports.push(message),
  });
});

afterEach(async () => {
  await collector.close();
  vi.useRealTimers();
  rmSync(dir, { recursive: true, force: true });
});

const put = (text: string) => blobs.put(Buffer.from(text));
const all = async () => (await Array.fromAsync(blobs.list())).map(({ sha256 }) => sha256).sort();

test('what nothing names is marked, and gone a minute later; what is named by then stays', async () => {
  const [orphan, kept, namedLate] = [await put('orphan'), await put('kept'), await put('named late')];
  named.add(kept);
  await collector.sweep();
  expect(await all()).toHaveLength(3);
  named.add(namedLate);
  await vi.advanceTimersByTimeAsync(60_001);
  await vi.waitFor(async () => expect(await all()).toEqual([kept, namedLate].sort()));
  expect([...(await readCollected(dir))]).toEqual([orphan]);
});

test('what ceases to be named is collected whatever its age, a minute later', async () => {
  const sha256 = await put('erased');
  collector.collect([sha256]);
  await vi.advanceTimersByTimeAsync(59_000);
  expect(await all()).toEqual([sha256]);
  await vi.advanceTimersByTimeAsync(2_000);
  await vi.waitFor(async () => expect(await all()).toEqual([]));
});

test('what is stored again while it is marked stays a minute more, for somebody to name it', async () => {
  const [again, kept] = [await put('again'), await put('kept')];
  collector.collect([again, kept]);
  await vi.advanceTimersByTimeAsync(30_000);
  await Promise.all([put('again'), put('kept')]);
  await vi.advanceTimersByTimeAsync(31_000);
  await vi.waitFor(async () => expect((await readCollected(dir)).size).toBe(2));
  expect(await all()).toHaveLength(2);
  named.add(kept);
  await vi.advanceTimersByTimeAsync(61_000);
  await vi.waitFor(async () => expect(await all()).toEqual([kept]));
});

test('a deletion that fails is tried again a minute later', async () => {
  const sha256 = await put('erased');
  const failing = vi.spyOn(blobs, 'deleteStoredBefore').mockRejectedValueOnce(new Error('the store does not answer'));
  collector.collect([sha256]);
  await vi.advanceTimersByTimeAsync(61_000);
  await vi.waitFor(() => expect(reports).toEqual(['blobs could not be collected']));
  expect(await all()).toEqual([sha256]);
  await vi.advanceTimersByTimeAsync(61_000);
  await vi.waitFor(async () => expect(await all()).toEqual([]));
  failing.mockRestore();
});

test('a blob within its grace is left alone', async () => {
  vi.setSystemTime(Date.now() - 23 * HOUR_MS);
  const sha256 = await put('an upload under way');
  await collector.sweep();
  await vi.advanceTimersByTimeAsync(61_000);
  expect(await all()).toEqual([sha256]);
});
