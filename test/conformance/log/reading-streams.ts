import { expect } from 'vitest';
import type { EventLog, StreamRange } from '#log/event-log.ts';
import type { Declare } from '../event-log.suite.ts';
import { hashOf, note, notes } from '../sample-events.ts';
import { appended, asOpenedTwice, texts } from './results.ts';

/** One stream's events, its last revision, and what an idempotency key wrote to it. */
export function readingStreams(declare: Declare): void {
  declare('a stream is read both ways, in ranges that include both ends', async ({ log, reopen }) => {
    await appended(log, notes('a', ['0', '1', '2']), notes('b', ['x']), notes('a', ['3', '4']));
    for await (const opened of asOpenedTwice({ log, reopen })) {
      expect(await read(opened, 'a')).toEqual(['0', '1', '2', '3', '4']);
      expect(await read(opened, 'a', { from: 1, to: 3 })).toEqual(['1', '2', '3']);
      expect(await read(opened, 'a', { from: 3 })).toEqual(['3', '4']);
      expect(await read(opened, 'a', { to: 0 })).toEqual(['0']);
      expect(await read(opened, 'a', { from: 4, to: 99 })).toEqual(['4']);
      expect(await read(opened, 'a', { limit: 2 })).toEqual(['0', '1']);
      expect(await read(opened, 'a', { backwards: true })).toEqual(['4', '3', '2', '1', '0']);
      expect(await read(opened, 'a', { from: 1, to: 3, backwards: true })).toEqual(['3', '2', '1']);
      expect(await read(opened, 'a', { backwards: true, limit: 2 })).toEqual(['4', '3']);
      expect(await read(opened, 'a', { from: 1, to: 3, backwards: true, limit: 1 })).toEqual(['3']);
    }
  });

  declare('a range without events gives none', async ({ log }) => {
    await appended(log, notes('a', ['0', '1']));
    expect(await read(log, 'a', { from: 2 })).toEqual([]);
    expect(await read(log, 'a', { from: 2, backwards: true })).toEqual([]);
    expect(await read(log, 'a', { from: 1, to: 0 })).toEqual([]);
    expect(await read(log, 'a', { limit: 0 })).toEqual([]);
    expect(await read(log, 'unknown')).toEqual([]);
    expect(await read(log, 'unknown', { backwards: true })).toEqual([]);
  });

  declare('a long stream among others is read whole and in parts', async ({ log, reopen }) => {
    const count = 3000;
    for (let from = 0; from < count; from += 500) {
      const writes = Array.from({ length: 500 }, (_, at) => [notes('long', [`${from + at}`]), notes(`s-${at}`, ['x'])]);
      await appended(log, ...writes.flat());
    }
    const all = Array.from({ length: count }, (_, at) => `${at}`);
    for await (const opened of asOpenedTwice({ log, reopen })) {
      expect(await read(opened, 'long')).toEqual(all);
      expect(await read(opened, 'long', { backwards: true })).toEqual(all.toReversed());
      expect(await read(opened, 'long', { from: 1000, to: 2100 })).toEqual(all.slice(1000, 2101));
      expect(await read(opened, 'long', { to: 2100, backwards: true, limit: 1500 })).toEqual(
        all.slice(601, 2101).toReversed(),
      );
    }
  });

  declare('streams whose names are nearly alike are apart', async ({ log, reopen }) => {
    const names = ['a', 'A', 'a ', 'aa', 'a-0', 'ä', 'a\u0308', 'stream-1', 'stream-11', 'tile-a-1-11', 'tile-a-11-1'];
    await appended(log, ...names.map((name) => notes(name, [name])));
    for await (const opened of asOpenedTwice({ log, reopen })) {
      for (const name of names) expect(await read(opened, name)).toEqual([name]);
    }
  });

  declare('the last revision is that of the last write handed over', async ({ log, reopen }) => {
    expect(log.lastRevision('a')).toBe(-1);
    const appending = log.append([notes('a', ['0', '1']), notes('a', ['2'])]);
    expect(log.lastRevision('a')).toBe(2);
    expect(log.lastRevision('b')).toBe(-1);
    await appending;
    const again = await reopen();
    expect(again.lastRevision('a')).toBe(2);
    expect(again.lastRevision('b')).toBe(-1);
  });

  declare('a key finds the write that it marked, in its own stream only', async ({ log, reopen }) => {
    const keyMark = { key: hashOf('key-1'), body: hashOf('body') };
    const keyed = [note('1', { keyMark }), note('2', { keyMark })];
    const other = { key: hashOf('key-2'), body: hashOf('body') };
    const events = await appended(
      log,
      notes('a', ['0']),
      { stream: 'a', expected: 'any', events: keyed },
      { stream: 'a', expected: 'any', events: [note('3', { keyMark: other })] },
      notes('a', ['4']),
    );
    const elsewhere = await appended(log, { stream: 'b', expected: 'any', events: [note('5', { keyMark })] });
    for await (const opened of asOpenedTwice({ log, reopen })) {
      expect(await opened.keyed('a', keyMark.key)).toEqual(events.slice(1, 3));
      expect(await opened.keyed('a', other.key)).toEqual(events.slice(3, 4));
      expect(await opened.keyed('b', keyMark.key)).toEqual(elsewhere);
      expect(await opened.keyed('b', other.key)).toEqual([]);
      expect(await opened.keyed('a', hashOf('key-3'))).toEqual([]);
    }
  });

  declare('a key is remembered for at least seven days', async ({ log, clock, reopen }) => {
    const keyMark = { key: hashOf('key'), body: hashOf('body') };
    const dayMs = 24 * 60 * 60 * 1000;
    const start = clock.nowMs;
    const [event] = await appended(log, { stream: 'a', expected: 'any', events: [note('1', { keyMark })] });
    for (let day = 1; day <= 7; day += 1) {
      clock.nowMs = start + day * dayMs - 1000;
      await appended(log, { stream: `s-${day}`, expected: 'any', events: [note('x', { keyMark })] });
      expect(await log.keyed('a', keyMark.key)).toEqual([event]);
    }
    expect(await (await reopen()).keyed('a', keyMark.key)).toEqual([event]);
  });
}

async function read(log: EventLog, stream: string, range?: StreamRange): Promise<unknown[]> {
  const events = await Array.fromAsync(log.readStream(stream, range));
  expect(events.every((event) => event.stream === stream)).toBe(true);
  return texts(events);
}
