import { WebSocket } from 'ws';
import type { StrataClient } from './client.ts';
import { CliFailure } from './failure.ts';
import { type EventFilter, isAfter, type LogEvent, readEvents } from './log-events.ts';

/** Events that may wait for the reader before the connection is closed and taken up again where it stood. */
const WAITING_MAX = 100_000;
const TRIES_MAX = 5;
const TRY_AGAIN_MS = 1_000;

type LiveMessage =
  | { readonly op: 'subscribed'; readonly position: string; readonly recovered: boolean }
  | { readonly op: 'event'; readonly position: string; readonly event: LogEvent }
  | { readonly op: 'error'; readonly code: string; readonly detail: string };

/**
 * The live end of the log after a position (excluded): no gap and no duplicate. A lost connection is taken up again; what
 * the server no longer replays is read from the log.
 * @throws CliFailure when the server cannot be reached five times in a row.
 */
export async function* followEvents(
  client: StrataClient,
  after: string,
  filter: EventFilter,
): AsyncGenerator<LogEvent> {
  let last = after;
  for (let failed = 0; failed < TRIES_MAX; failed += 1) {
    if (failed > 0) await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    for await (const message of liveMessages(client, {
      op: 'subscribe',
      topic: 'events',
      ...(last && { after: last }),
    })) {
      if (message.op === 'error') {
        throw new CliFailure(`the server refused to follow: ${message.detail} (${message.code})`);
      }
      if (message.op === 'subscribed') {
        failed = 0;
        if (!message.recovered) {
          // What arrives meanwhile waits; events that both ways give are told apart by position below.
          for await (const event of readEvents(client, last, filter, Number.POSITIVE_INFINITY)) {
            yield event;
            last = event.position;
          }
        }
      }
      if (message.op !== 'event' || !isAfter(message.position, last)) continue;
      last = message.position;
      const { event } = message;
      if (filter.stream !== undefined && event.stream !== filter.stream) continue;
      if (filter.type !== undefined && event.type !== filter.type) continue;
      yield event;
    }
  }
  throw new CliFailure(`the connection to ${client.url} is lost; it was at position ${last}`);
}

/** Messages of one connection until it closes. */
async function* liveMessages(client: StrataClient, first: object): AsyncGenerator<LiveMessage> {
  const socket = new WebSocket(`${client.url.replace(/^http/, 'ws')}/v1/live`, {
    headers: client.key === null ? {} : { Authorization: `Bearer ${client.key}` },
  });
  const waiting: LiveMessage[] = [];
  let wake = () => {};
  let open = true;
  socket.on('open', () => socket.send(JSON.stringify(first)));
  socket.on('message', (data: Buffer, binary: boolean) => {
    if (!binary) waiting.push(JSON.parse(data.toString('utf8')) as LiveMessage);
    if (waiting.length > WAITING_MAX) socket.terminate();
    wake();
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    open = false;
    wake();
  });
  try {
    while (open || waiting.length > 0) {
      const message = waiting.shift();
      if (message !== undefined) yield message;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    socket.terminate();
  }
}
