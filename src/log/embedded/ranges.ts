import { setImmediate } from 'node:timers/promises';
import type { RecordedEvent } from '#events/event.ts';
import type { EventView } from '#events/event-view.ts';
import type { Batch, StreamRange } from '#log/event-log.ts';
import type { LogReader } from '#log/log-reader.ts';
import type { StreamIndex } from './stream-index.ts';

/** Events read between two turns of the event loop. */
const EVENTS_AT_ONCE = 256;

/** Offsets in (after, to]. */
export type OffsetRange = {
  readonly after: number;
  readonly to: number;
  readonly limit: number;
  readonly backwards: boolean;
};

/** The synced events of a range, in its order, to keep. */
export async function* readRange(reader: LogReader, range: OffsetRange): AsyncGenerator<RecordedEvent> {
  let { after, to, limit } = range;
  while (after < to && limit > 0) {
    const count = Math.min(EVENTS_AT_ONCE, to - after, limit);
    limit -= count;
    if (range.backwards) {
      yield* Array.from({ length: count }, (_, at) => reader.at(to - at));
      to -= count;
    } else {
      yield* readBatch(reader, after, after + count).events;
      after += count;
    }
    await setImmediate();
  }
}

/** The events in (after, to], to keep. */
export function readBatch(reader: LogReader, after: number, to: number): Batch {
  const events: RecordedEvent[] = [];
  // Readers of the embedded log visit with views.
  reader.visit(after, to, (event) => events.push((event as EventView).toRecorded()));
  return { partition: 0, after, to, events };
}

/** The synced events of a stream, as of the call. */
export async function* readStreamRange(
  reader: LogReader,
  index: StreamIndex,
  stream: string,
  { from = 0, to = -1, limit = Number.POSITIVE_INFINITY, backwards = false }: StreamRange,
): AsyncGenerator<RecordedEvent> {
  const { lastSynced } = index.tail(stream);
  const last = to === -1 ? lastSynced : Math.min(to, lastSynced);
  let rest = Math.min(limit, last - from + 1);
  let revision = backwards ? last : from;
  while (rest > 0) {
    const list = index.list(stream, revision);
    if (list === null) return;
    const at = revision - list.firstRevision;
    const available = backwards ? at + 1 : list.offsets.length - at;
    const count = Math.min(EVENTS_AT_ONCE, available, rest);
    const step = backwards ? -1 : 1;
    const events = Array.from({ length: count }, (_, done) => {
      return eventOf(reader, index, stream, revision + step * done, list.offsets[at + step * done]!);
    });
    yield* events;
    revision += step * count;
    rest -= count;
    if (rest > 0) await setImmediate();
  }
}

/** The write that the key made in the stream: the events around `offset` that carry its mark. */
export function readKeyed(
  reader: LogReader,
  stream: string,
  key: string,
  offset: number,
  head: number,
): RecordedEvent[] {
  const isOfWrite = (event: RecordedEvent) => event.stream === stream && event.keyMark?.key === key;
  const events: RecordedEvent[] = [];
  for (let at = offset; at > 0; at -= 1) {
    const event = reader.at(at);
    if (!isOfWrite(event)) break;
    events.unshift(event);
  }
  for (let at = offset + 1; at <= head && events.length > 0; at += 1) {
    const event = reader.at(at);
    if (!isOfWrite(event)) break;
    events.push(event);
  }
  return events;
}

/** Never hands out an event of another stream, whatever the index says. */
function eventOf(
  reader: LogReader,
  index: StreamIndex,
  stream: string,
  revision: number,
  offset: number,
): RecordedEvent {
  const event = reader.at(offset);
  if (event.stream === stream && event.revision === revision) return event;
  throw index.distrust(`revision ${revision} of ${stream} is not at ${offset}`);
}
