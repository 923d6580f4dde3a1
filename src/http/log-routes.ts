import { z } from 'zod';
import type { RecordedEvent } from '#events/event.ts';
import { formatPosition, type Position } from '#events/position.ts';
import { resolveAsOf } from '#history/as-of.ts';
import type { Projections } from '#history/db.ts';
import type { EventLog } from '#log/event-log.ts';
import { refOffset } from '#projections/refs/ref.ts';
import { errors } from '../errors.ts';
import type { Callers } from './callers.ts';
import type { EventJson } from './event-json.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import { allEvents, type EventQuery, eventPage } from './log-pages.ts';
import { asksForNdjson, sendLines } from './ndjson.ts';
import { checkQuery } from './query-check.ts';
import { readParams, readQuery } from './route-pattern.ts';
import type { Handler } from './router.ts';

const limit = z
  .string()
  .regex(/^[1-9][0-9]{0,3}$/, { error: 'must be a number from 1 to 1000' })
  .transform(Number)
  .refine((value) => value <= 1_000, { error: 'must be a number from 1 to 1000' });

export const streamQuery = z.strictObject({
  after: z.string().max(80).optional().describe('only events after this: a position, or whatever else `asOf` takes'),
  to: z.string().max(80).optional().describe('only events up to and with this; as `after`'),
  order: z.enum(['oldest', 'newest']).optional().describe('which come first; the oldest unless told'),
  actor: z.string().max(255).optional().describe('only events by this actor: `admin`, `account:acme`, `reactor:due`'),
  type: z.string().optional().describe('only events of this type'),
  limit: limit.optional().describe('items a page, 1 to 1,000; 100 unless told. With NDJSON: lines, all unless told'),
  cursor: z.string().optional().describe("the page before's `next`"),
});

export const eventsQuery = streamQuery.extend({
  stream: z.string().optional().describe('only events of this stream'),
});

const LIMIT_UNLESS_TOLD = 100;

export type LogRouteParts = {
  readonly log: EventLog;
  /** Know what refs name. */
  readonly projections: Projections;
  readonly callers: Callers;
  readonly eventJson: EventJson;
};

/** `GET /v1/events`: the log itself, for an admin. */
export function eventsHandler(parts: LogRouteParts): Handler {
  return (exchange, req) => {
    parts.callers.admin(req.getHeader('authorization'));
    const query = checked(eventsQuery, req.getQuery());
    const ndjson = asksForNdjson(req.getHeader('accept'));
    answer(exchange, parts, query, ndjson).catch((error: unknown) => exchange.refuse(error));
  };
}

/** `GET /v1/streams/{stream}`: the events of one thing, for an admin. */
export function streamHandler(parts: LogRouteParts): Handler {
  return (exchange, req, pattern) => {
    parts.callers.admin(req.getHeader('authorization'));
    const { stream } = readParams(pattern, req) as { readonly stream: string };
    const query = checked(streamQuery, req.getQuery());
    const ndjson = asksForNdjson(req.getHeader('accept'));
    if (parts.log.lastRevision(stream) < 0) {
      throw errors.error('stream.unknown', `there is no stream "${stream.slice(0, 255)}"`);
    }
    answer(exchange, parts, { ...query, stream }, ndjson).catch((error: unknown) => exchange.refuse(error));
  };
}

type Asked = Partial<z.infer<typeof eventsQuery>>;

async function answer(exchange: Exchange, parts: LogRouteParts, query: Asked, ndjson: boolean): Promise<void> {
  const { log, eventJson } = parts;
  const asked = await resolved(query, parts);
  if (exchange.over) return;
  const headers = ['Strata-Position', formatPosition(log.head()), 'Cache-Control', 'private, no-cache'];
  if (ndjson) {
    const events = allEvents(log, asked, query.limit ?? Number.POSITIVE_INFINITY);
    await sendLines(exchange, linesOf(events, eventJson), headers);
    return;
  }
  const page = await eventPage(log, { ...asked, limit: query.limit ?? LIMIT_UNLESS_TOLD });
  const items = page.events.map((event) => eventJson.onLog(event, true)).join(',');
  exchange.send(200, JSON_TYPE, `{"items":[${items}],"next":${JSON.stringify(page.next)}}`, headers);
}

/** `events` is made before the answer begins, so that a wrong position is still refused. */
async function* linesOf(events: AsyncIterable<RecordedEvent>, eventJson: EventJson): AsyncGenerator<string> {
  for await (const event of events) yield eventJson.onLog(event, true);
}

function checked(schema: typeof eventsQuery | typeof streamQuery, rawQuery: string | undefined): Asked {
  return checkQuery(schema, readQuery(rawQuery));
}

/** @throws as `resolveAsOf` */
async function resolved(query: Asked, parts: LogRouteParts): Promise<Omit<EventQuery, 'limit'>> {
  const { after, to, order, limit: _limit, ...filters } = query;
  const [from, until] = await Promise.all(
    [after, to].map((when) => (when === undefined ? null : position(when, parts))),
  );
  if (from && until && from.offsets.every((offset, at) => offset > until.offsets[at]!)) {
    throw errors.error('history.range', `${after} comes after ${to}`);
  }
  return {
    // Absent is absent: an optional of zod's may also be undefined.
    ...(Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined)) as Partial<EventQuery>),
    ...(from && { after: from }),
    ...(until && { to: until }),
    isNewestFirst: order === 'newest',
  };
}

async function position(when: string, { log, projections }: LogRouteParts): Promise<Position> {
  const sources = { log, refOffset: (ref: string) => refOffset(projections.db(), ref) };
  const { offset } = await resolveAsOf(when, sources, Date.now());
  return { epoch: log.epoch, offsets: [offset] };
}
