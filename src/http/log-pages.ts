import type { RecordedEvent } from '#events/event.ts';
import { formatPosition, type Position, parsePosition } from '#events/position.ts';
import type { EventLog } from '#log/event-log.ts';
import { errors } from '../errors.ts';

/** Events looked at for one page: a rare type is found over several. */
const LOOKED_AT_MAX = 20_000;

export type EventPage = { readonly events: readonly RecordedEvent[]; readonly next: string | null };

/** Where a listing goes on and where it ends: what came later than page 1 is not part of it. */
type Span = { readonly after: Position; readonly to: Position };

export type EventQuery = {
  readonly after?: string;
  readonly cursor?: string;
  readonly stream?: string;
  readonly type?: string;
  readonly limit: number;
};

/**
 * A page of the log, or of one stream, in order. A page may hold fewer events than `limit` and still have a next one.
 * @throws position.malformed, position.other-epoch, history.future-position, history.cursor
 */
export async function eventPage(log: EventLog, query: EventQuery): Promise<EventPage> {
  const span = spanOf(log, query);
  const events: RecordedEvent[] = [];
  let lookedAt = 0;
  let after = span.after;
  for await (const event of eventsWithin(log, span, query.stream)) {
    after = reached(after, event);
    lookedAt += 1;
    if (query.type === undefined || event.type === query.type) events.push(event);
    if (events.length >= query.limit || lookedAt >= LOOKED_AT_MAX) {
      return { events, next: isAt(after, span.to) ? null : cursorOf({ after, to: span.to }) };
    }
  }
  return { events, next: null };
}

/** All events of a query, for a stream of lines. @throws as `eventPage`, before the first event is read. */
export function allEvents(
  log: EventLog,
  query: Omit<EventQuery, 'limit'>,
  limit: number,
): AsyncGenerator<RecordedEvent> {
  const events = eventsWithin(log, spanOf(log, query), query.stream);
  return take(events, query.type, limit);
}

async function* take(events: AsyncIterable<RecordedEvent>, type: string | undefined, limit: number) {
  let left = limit;
  for await (const event of events) {
    if (type !== undefined && event.type !== type) continue;
    yield event;
    left -= 1;
    if (left <= 0) return;
  }
}

/** @throws position.other-epoch, history.future-position */
export function knownPosition(log: EventLog, token: string): Position {
  const position = parsePosition(token);
  const head = log.head();
  if (position.epoch !== log.epoch) {
    throw errors.error(
      'position.other-epoch',
      `"${token}" is from epoch ${position.epoch}; the log is in ${log.epoch}`,
    );
  }
  if (position.offsets.length !== head.offsets.length) {
    throw errors.error('position.malformed', `the log has ${head.offsets.length} partitions, "${token}" has others`);
  }
  if (position.offsets.some((offset, at) => offset > head.offsets[at]!)) {
    throw errors.error('history.future-position', `the log ends at ${formatPosition(head)}, before ${token}`);
  }
  return position;
}

async function* eventsWithin(
  log: EventLog,
  { after, to }: Span,
  stream: string | undefined,
): AsyncGenerator<RecordedEvent> {
  if (stream === undefined) {
    yield* log.readAll({ after, to });
    return;
  }
  const partition = log.partitionOf(stream);
  const from = await firstRevisionAfter(log, stream, after.offsets[partition] ?? 0);
  for await (const event of log.readStream(stream, { from })) {
    if (event.offset > (to.offsets[partition] ?? 0)) return;
    yield event;
  }
}

/** Offsets rise within a stream, so its first event after an offset is found by halving. */
async function firstRevisionAfter(log: EventLog, stream: string, offset: number): Promise<number> {
  if (offset === 0) return 0;
  let low = 0;
  let high = log.lastRevision(stream) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    let found: RecordedEvent | null = null;
    for await (const event of log.readStream(stream, { from: middle, limit: 1 })) found = event;
    if (found === null || found.offset > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

function spanOf(log: EventLog, { after, cursor }: Pick<EventQuery, 'after' | 'cursor'>): Span {
  if (cursor !== undefined) return spanOfCursor(log, cursor);
  const head = log.head();
  const start = { epoch: log.epoch, offsets: head.offsets.map(() => 0) };
  return { after: after === undefined ? start : knownPosition(log, after), to: head };
}

function cursorOf({ after, to }: Span): string {
  return Buffer.from(`${formatPosition(after)}~${formatPosition(to)}`).toString('base64url');
}

function spanOfCursor(log: EventLog, cursor: string): Span {
  try {
    const [after = '', to = ''] = Buffer.from(cursor, 'base64url').toString('latin1').split('~');
    return { after: knownPosition(log, after), to: knownPosition(log, to) };
  } catch (cause) {
    throw errors.error('history.cursor', 'the cursor is not one that this list gave', { cause });
  }
}

function reached(position: Position, event: RecordedEvent): Position {
  const offsets = position.offsets.map((offset, at) => (at === event.partition ? event.offset : offset));
  return { epoch: position.epoch, offsets };
}

function isAt(a: Position, b: Position): boolean {
  return a.offsets.every((offset, at) => offset >= b.offsets[at]!);
}
