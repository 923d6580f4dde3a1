import { expect } from 'vitest';
import type { RecordedEvent } from '#events/event.ts';
import type { Position } from '#events/position.ts';
import type { Batch, EventLog } from '#log/event-log.ts';
import type { Declare } from '../event-log.suite.ts';
import { notes } from '../sample-events.ts';
import { after, appended, beginning, everything } from './results.ts';

/** From any position to the live end, without a gap or a duplicate. */
export function subscribing(declare: Declare): void {
  declare('a subscriber gets what was there and then what comes', async ({ log }) => {
    const before = await appended(log, notes('a', ['1']), notes('b', ['2', '3']));
    const followed = follow(log, beginning(log), 5);
    const later = await appended(log, notes('a', ['4']), notes('c', ['5']));
    expect(await followed).toEqual([...before, ...later]);
  });

  declare('subscribers from anywhere miss nothing while others append', async ({ log }) => {
    const early = await appended(log, ...Array.from({ length: 2500 }, (_, at) => notes(`s-${at % 3}`, [`${at}`])));
    const total = early.length + 10 * 150;
    const starts = [0, 1, 1024, 2499, 2500];
    const followers = starts.map((start) =>
      follow(log, start === 0 ? beginning(log) : after(log, early[start - 1]!), total - start),
    );
    const writers = Array.from({ length: 10 }, async (_, writer) => {
      for (let at = 0; at < 150; at += 1) await appended(log, notes(`w-${writer}`, [`${at}`]));
    });
    await Promise.all(writers);
    const all = await everything(log);
    expect(all).toHaveLength(total);
    const followed = await Promise.all(followers);
    starts.forEach((start, at) => {
      expect(followed[at]).toEqual(all.slice(start));
    });
  });

  declare('a subscriber that is slow gets the same as others', async ({ log }) => {
    const count = 5000;
    const slow: RecordedEvent[] = [];
    const subscription = log.subscribe(beginning(log))[Symbol.asyncIterator]();
    const first = subscription.next();
    await appended(log, notes('a', ['first']));
    slow.push(...(await batchOf(first)).events);
    // All of it comes while the subscriber is busy with the first one.
    for (let done = 1; done < count; done += 100) {
      const writes = Array.from({ length: Math.min(100, count - done) }, (_, at) => notes('a', [`${done + at}`]));
      await appended(log, ...writes);
    }
    while (slow.length < count) slow.push(...(await batchOf(subscription.next())).events);
    await subscription.return?.();
    expect(slow).toEqual(await everything(log));
  });

  declare('a subscriber at the head sees only what is new', async ({ log }) => {
    await appended(log, notes('a', ['1', '2']));
    const followed = follow(log, log.head(), 1);
    const later = await appended(log, notes('a', ['3']));
    expect(await followed).toEqual(later);
  });

  declare('a subscriber that leaves while it waits ends at once', async ({ log }) => {
    const subscription = log.subscribe(beginning(log))[Symbol.asyncIterator]();
    const waiting = subscription.next();
    await subscription.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  declare('a subscription ends when the log closes', async ({ log }) => {
    await appended(log, notes('a', ['1']));
    const waiting = Array.fromAsync(log.subscribe(log.head()));
    await log.close();
    expect(await waiting).toEqual([]);
  });
}

/** The next `count` events after the position, having checked that batches hold together. */
async function follow(log: EventLog, from: Position, count: number): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  const reached = [...from.offsets];
  for await (const { partition, after: start, to, events: batch } of log.subscribe(from)) {
    expect(batch.length).toBeGreaterThan(0);
    expect(start).toBe(reached[partition]);
    expect(start).toBeLessThan(batch[0]!.offset);
    expect(to).toBe(batch.at(-1)!.offset);
    reached[partition] = to;
    events.push(...batch);
    if (events.length >= count) break;
  }
  return events;
}

async function batchOf(next: Promise<IteratorResult<Batch>>): Promise<Batch> {
  const { done, value } = await next;
  if (done) throw new Error('the subscription ended');
  return value;
}
