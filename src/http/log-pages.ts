import type { RecordedEvent } from '#events/event.ts';
import { formatPosition, type Position, parsePosition } from '#events/position.ts';
import type { EventLog } from '#log/event-log.ts';
import { errors } from '../errors.ts';

const OLDEST_FIRST = 'oldest';
const NEWEST_FIRST = 'newest';

/** Events looked at for one page: a rare type is found over several. */
const LOOKED_AT_MAX = 20_000;

export type EventPage = { readonly events: readonly RecordedEvent[]; readonly next: string | null };

/** What a listing goes over: what came later than page 1 is not part of it. */
type Span = { readonly after: Position; readonly to: Position; readonly isNewestFirst: boolean };

export type EventQuery = {
  /** Excluded; the log's start unless told. */
  readonly after?: Position;
  /** Included; the head unless told. */
  readonly to?: Position;
  readonly isNewestFirst?: boolean;
  readonly cursor?: string;
  readonly stream?: string;
  readonly type?: string;
  readonly actor?: string;
  readonly limit: number;
};

/**
 * A page of the log, or of one stream, in order. A page may hold fewer events than `limit` and still have a next one.
 * @throws history.cursor
 */
export async function eventPage(log: EventLog, query: EventQuery): Promise<EventPage> {
  const span = spanOf(log, query);
  const events: RecordedEvent[] = [];
  let lookedAt = 0;
  let left = span;
  for await (const event of eventsWithin(log, span, query.stream)) {
    left = behind(left, event);
    lookedAt += 1;
    if (isAsked(event, query)) events.push(event);
    if (events.length >= query.limit || lookedAt >= LOOKED_AT_MAX) {
      return { events, next: isEmpty(left) ? null : cursorOf(left) };
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
  return take(events, query, limit);
}

async function* take(events: AsyncIterable<RecordedEvent>, query: Filter, limit: number) {
  let left = limit;
  for await (const event of events) {
    if (!isAsked(event, query)) continue;
    yield event;
    left -= 1;
    if (left <= 0) return;
  }
}

type Filter = Pick<EventQuery, 'type' | 'actor'>;

function isAsked(event: RecordedEvent, { type, actor }: Filter): boolean {
  return (type === undefined || event.type === type) && (actor === undefined || event.actor === actor);
}

/** @throws position.other-epoch, history.future-position */
function knownPosition(log: EventLog, token: string): Position {
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
  { after, to, isNewestFirst: backwards }: Span,
  stream: string | undefined,
): AsyncGenerator<RecordedEvent> {
  if (stream === undefined) {
    yield* log.readAll({ after, to, backwards });
    return;
  }
  const partition = log.partitionOf(stream);
  const [from, end] = await Promise.all(
    [after, to].map(({ offsets }) => firstRevisionAfter(log, stream, offsets[partition] ?? 0)),
  );
  if (from! < end!) yield* log.readStream(stream, { from: from!, to: end! - 1, backwards });
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

function spanOf(log: EventLog, { after, to, cursor, isNewestFirst = false }: Omit<EventQuery, 'limit'>): Span {
  if (cursor !== undefined) return spanOfCursor(log, cursor);
  const head = log.head();
  const start = { epoch: log.epoch, offsets: head.offsets.map(() => 0) };
  return { after: after ?? start, to: to ?? head, isNewestFirst };
}

function cursorOf({ after, to, isNewestFirst }: Span): string {
  const order = isNewestFirst ? NEWEST_FIRST : OLDEST_FIRST;
  return Buffer.from([formatPosition(after), formatPosition(to), order].join('~')).toString('base64url');
}

function spanOfCursor(log: EventLog, cursor: string): Span {
  try {
    const [after = '', to = '', order] = Buffer.from(cursor, 'base64url').toString('latin1').split('~');
    return {
      after: knownPosition(log, after),
      to: knownPosition(log, to),
      isNewestFirst: order === NEWEST_FIRST,
    };
  } catch (cause) {
    throw errors.error('history.cursor', 'the cursor is not one that this list gave', { cause });
  }
}

/** What is left of the span once the event was looked at. */
function behind({ after, to, isNewestFirst }: Span, { partition, offset }: RecordedEvent): Span {
  return isNewestFirst
    ? { after, to: { ...to, offsets: to.offsets.with(partition, offset - 1) }, isNewestFirst }
    : { after: { ...after, offsets: after.offsets.with(partition, offset) }, to, isNewestFirst };
}

function isEmpty({ after, to }: Span): boolean {
  return after.offsets.every((offset, at) => offset >= to.offsets[at]!);
}
