import { expect } from 'vitest';
import type { RecordedEvent } from '#events/event.ts';
import type { Declare } from '../event-log.suite.ts';
import { notes } from '../sample-events.ts';
import { after, appended, asOpenedTwice, beginning, everything, texts } from './results.ts';

/** The whole log in order, and where a time lies in it. */
export function readingAll(declare: Declare): void {
  declare('the log is read both ways, after one position and up to another', async ({ log, reopen }) => {
    const events = await appended(log, ...['0', '1', '2', '3', '4'].map((text) => notes('a', [text])));
    for await (const opened of asOpenedTwice({ log, reopen })) {
      const read = async (
        from: number | null,
        to: number | null,
        rest: { limit?: number; backwards?: boolean } = {},
      ) => {
        const range = {
          ...(from === null ? {} : { after: after(opened, events[from]!) }),
          ...(to === null ? {} : { to: after(opened, events[to]!) }),
          ...rest,
        };
        return texts(await Array.fromAsync(opened.readAll(range)));
      };
      expect(await read(null, null)).toEqual(['0', '1', '2', '3', '4']);
      expect(await read(1, null)).toEqual(['2', '3', '4']);
      expect(await read(null, 1)).toEqual(['0', '1']);
      expect(await read(0, 3)).toEqual(['1', '2', '3']);
      expect(await read(4, null)).toEqual([]);
      expect(await read(3, 1)).toEqual([]);
      expect(await read(0, null, { limit: 2 })).toEqual(['1', '2']);
      expect(await read(null, null, { limit: 0 })).toEqual([]);
      expect(await read(null, null, { backwards: true })).toEqual(['4', '3', '2', '1', '0']);
      expect(await read(0, 3, { backwards: true })).toEqual(['3', '2', '1']);
      expect(await read(0, null, { backwards: true, limit: 2 })).toEqual(['4', '3']);
      expect(await read(3, 1, { backwards: true })).toEqual([]);
    }
  });

  declare('an empty log has nothing to read', async ({ log }) => {
    expect(log.head().offsets.every((offset) => offset === 0)).toBe(true);
    expect(await everything(log)).toEqual([]);
    expect(await Array.fromAsync(log.readAll({ backwards: true }))).toEqual([]);
    expect(await log.positionAt(new Date())).toEqual(beginning(log));
  });

  declare('a read ends at the head that it found', async ({ log }) => {
    await appended(log, ...Array.from({ length: 3000 }, (_, at) => notes('a', [`${at}`])));
    let read = 0;
    for await (const event of log.readAll()) {
      if (read === 0) await appended(log, notes('b', ['later']));
      expect(event.stream).toBe('a');
      read += 1;
    }
    expect(read).toBe(3000);
  });

  declare('many events are read in any ranges', async ({ log, reopen }) => {
    const events: RecordedEvent[] = [];
    for (let at = 0; at < 40; at += 1) {
      events.push(
        ...(await appended(log, ...Array.from({ length: 100 }, (_, n) => notes(`s-${n % 7}`, [`${at}.${n}`])))),
      );
    }
    const again = await reopen();
    for (const [from, to] of [
      [0, 3999],
      [1, 2500],
      [1023, 1024],
      [2047, 3100],
      [3998, 3999],
    ] as const) {
      const range = { after: after(again, events[from]!), to: after(again, events[to]!) };
      expect(await Array.fromAsync(again.readAll(range))).toEqual(events.slice(from + 1, to + 1));
      const backwards = await Array.fromAsync(again.readAll({ ...range, backwards: true }));
      expect(backwards).toEqual(events.slice(from + 1, to + 1).toReversed());
    }
  });

  declare('a position of another epoch is refused', async ({ log }) => {
    const other = { ...beginning(log), epoch: log.epoch + 1 };
    const refused = expect.objectContaining({ code: 'position.other-epoch' });
    // At the call or at the first event, as the engine has it.
    const reads = [
      async () => Array.fromAsync(log.readAll({ after: other })),
      async () => Array.fromAsync(log.readAll({ to: other })),
      async () => Array.fromAsync(log.subscribe(other)),
    ];
    for (const read of reads) await expect(read()).rejects.toEqual(refused);
  });

  declare('a time is the position of the last event recorded by then', async ({ log, clock, reopen }) => {
    const start = clock.nowMs;
    const events: RecordedEvent[] = [];
    for (let at = 0; at < 60; at += 1) {
      // Some share one time, and some times pass without an event.
      clock.nowMs = start + 1000 * Math.floor(at / 3);
      events.push(...(await appended(log, notes('a', ['x'.repeat(900)]))));
    }
    for await (const opened of asOpenedTwice({ log, reopen })) {
      const at = (timeMs: number) => opened.positionAt(new Date(start + timeMs));
      expect(await at(-1)).toEqual(beginning(opened));
      expect(await at(0)).toEqual(after(opened, events[2]!));
      expect(await at(999)).toEqual(after(opened, events[2]!));
      for (let second = 1; second < 20; second += 1) {
        expect(await at(second * 1000)).toEqual(after(opened, events[second * 3 + 2]!));
        expect(await at(second * 1000 - 1)).toEqual(after(opened, events[second * 3 - 1]!));
      }
      expect(await at(10 ** 9)).toEqual(opened.head());
    }
  });
}
