import { expect } from 'vitest';
import type { RecordedEvent } from '#events/event.ts';
import type { Position } from '#events/position.ts';
import type { Appended, EventLog, NotAppended, Write } from '#log/event-log.ts';
import type { Subject } from '../event-log.suite.ts';

/** Appends writes that must succeed; their events in the log's order. */
export async function appended(log: EventLog, ...writes: readonly Write[]): Promise<RecordedEvent[]> {
  const results = await log.append(writes);
  const events = results.flatMap((result) => {
    if (!result.ok) throw result.error;
    return result.events;
  });
  return inOrder(events);
}

/** As they lie in the log: engines that append streams side by side give them their order. */
export function inOrder(events: readonly RecordedEvent[]): RecordedEvent[] {
  return events.toSorted((a, b) => a.offset - b.offset);
}

/** `ok`, or the code of the error. */
export function outcome(result: Appended | NotAppended | undefined): string {
  if (result === undefined) return 'none';
  return result.ok ? 'ok' : result.error.code;
}

export function everything(log: EventLog): Promise<RecordedEvent[]> {
  return Array.fromAsync(log.readAll());
}

/** The position after an event. */
export function after(log: EventLog, event: RecordedEvent): Position {
  const offsets = log
    .head()
    .offsets.map((offset, partition) => (partition === event.partition ? event.offset : offset));
  return { epoch: log.epoch, offsets };
}

/** The position before the first event. */
export function beginning(log: EventLog): Position {
  return { epoch: log.epoch, offsets: log.head().offsets.map(() => 0) };
}

export function texts(events: readonly RecordedEvent[]): unknown[] {
  return events.map(({ data }) => data.text);
}

/** What holds for all that any log returns. */
export function expectWellFormed(events: readonly RecordedEvent[]): void {
  const revisions = new Map<string, number>();
  const last = new Map<number, RecordedEvent>();
  const ids = new Set<string>();
  for (const event of events) {
    const before = last.get(event.partition);
    if (before !== undefined) {
      expect(event.offset).toBeGreaterThan(before.offset);
      expect(event.recordedAt).toBeGreaterThanOrEqual(before.recordedAt);
    }
    expect(event.revision).toBe((revisions.get(event.stream) ?? -1) + 1);
    expect(ids.has(event.id)).toBe(false);
    revisions.set(event.stream, event.revision);
    last.set(event.partition, event);
    ids.add(event.id);
  }
}

/** The log as it is, and then as it is when it was closed and opened again. */
export async function* asOpenedTwice({ log, reopen }: Pick<Subject, 'log' | 'reopen'>): AsyncIterable<EventLog> {
  yield log;
  yield await reopen();
}
