import { expect, test } from 'vitest';
import { type StreamTail, StreamTails } from './stream-tails.ts';

const KEPT = 10;

function tails() {
  const loaded: string[] = [];
  const load = (stream: string) => {
    loaded.push(stream);
    return 4;
  };
  return { loaded, tails: new StreamTails(load, KEPT) };
}

function useOthers(streams: StreamTails, count: number, pin: (tail: StreamTail) => void = () => undefined): void {
  for (let at = 0; at < count; at += 1) pin(streams.get(`other-${at}`));
}

test('a stream in use stays in memory', () => {
  const { tails: streams, loaded } = tails();
  const tail = streams.get('a');
  for (let round = 0; round < 20; round += 1) {
    useOthers(streams, KEPT - 1);
    expect(streams.get('a')).toBe(tail);
  }
  expect(loaded.filter((stream) => stream === 'a')).toHaveLength(1);
});

test('a stream that nobody uses is forgotten, unless it holds what is nowhere else', () => {
  const { tails: streams, loaded } = tails();
  const idle = streams.get('idle');
  const pinned = streams.get('pinned');
  pinned.offsets.push(9);
  useOthers(streams, 3 * KEPT);
  expect(streams.get('pinned')).toBe(pinned);
  expect(streams.get('idle')).not.toBe(idle);
  expect(loaded.filter((stream) => stream === 'idle')).toHaveLength(2);
});

test('many streams that hold something cost no more each than few', () => {
  const { tails: streams, loaded } = tails();
  // Were they all looked at for each that is added, this would take hours.
  useOthers(streams, 300_000, (tail) => tail.offsets.push(1));
  useOthers(streams, 300_000);
  expect(loaded).toHaveLength(300_000);
});

test('a tail knows which revisions it has', () => {
  const { tails: streams } = tails();
  const tail = streams.get('a');
  expect([tail.lastSynced, tail.firstHere, tail.isPinned]).toEqual([4, 5, false]);
  tail.indexing = [11, 12];
  tail.offsets.push(15);
  tail.unsynced = 2;
  tail.revision = 9;
  expect([tail.lastSynced, tail.firstHere, tail.isPinned]).toEqual([7, 5, true]);
  expect(tail.offsetsHere).toEqual([11, 12, 15]);
});
