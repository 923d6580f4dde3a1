import { parsePosition, reaches } from '#events/position.ts';
import type { StrataClient } from './client.ts';
import { CliFailure } from './failure.ts';

/** An event as the log's routes and the live topic `events` give it. */
export type LogEvent = {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  readonly recordedAt: string;
  readonly actor: string;
  readonly causation: string | null;
  readonly data: { readonly [name: string]: unknown };
};

export type EventFilter = {
  readonly stream?: string | undefined;
  readonly type?: string | undefined;
  readonly actor?: string | undefined;
  /** Up to and with it: a position, or whatever `asOf` takes. */
  readonly to?: string | undefined;
  /** Oldest first unless told. */
  readonly order?: 'oldest' | 'newest';
};

const PAGE_MAX = 1_000;

/** Events after a position (excluded, or whatever else `asOf` takes), page by page. */
export async function* readEvents(
  client: StrataClient,
  after: string | undefined,
  filter: EventFilter,
  limit: number,
): AsyncGenerator<LogEvent> {
  let cursor: string | undefined;
  for (let left = limit; left > 0; ) {
    const page = await client.json<{ items: LogEvent[]; next: string | null }>('events', {
      ...(cursor === undefined ? { after, ...filter } : { ...filter, cursor }),
      limit: Math.min(left, PAGE_MAX),
    });
    yield* page.items;
    left -= page.items.length;
    if (page.next === null) return;
    cursor = page.next;
  }
}

/** How far the log has come. */
export async function headOfLog(client: StrataClient): Promise<string> {
  const response = await client.request('GET', 'events', { query: { limit: 1 } });
  await response.arrayBuffer();
  const position = response.headers.get('Strata-Position');
  if (position === null) throw new CliFailure('the server does not tell its position');
  return position;
}

/** True when `a` comes after `b`. */
export function isAfter(a: string, b: string): boolean {
  return !reaches(parsePosition(b), parsePosition(a));
}
