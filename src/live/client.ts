import { formatPosition, type Position, reaches } from '#events/position.ts';
import type { Principal } from '#handling/domain.ts';
import type { Callers } from '#http/callers.ts';
import { asStrataError } from '#http/problem.ts';
import { parseStrictJson } from '#http/strict-json.ts';
import type { WebSocket } from '#http/uws.ts';
import { errors, isStrataError, type StrataError } from '../errors.ts';
import type { LiveCounts } from './live-counts.ts';
import { CLOSED, type ClientMessage, clientMessage, errorMessage, subscribedMessage } from './protocol.ts';
import { type ReplayParts, replay, replayable } from './replay.ts';
import { stoodAt } from './stood-at.ts';
import { type Topic, topicFor } from './topics.ts';

/** Bytes that may wait for a client; what comes then is not sent, and the client is closed. */
export const BUFFERED_BYTES_MAX = 1024 * 1024;
/** Above it a replay waits for the client. */
const REPLAY_BUFFERED_BYTES_MAX = 256 * 1024;
const TOPICS_MAX = 64;
/** How long a client that is too slow may take to hear why it is closed. */
const FAREWELL_MS = 10_000;

export type ClientParts = ReplayParts & {
  readonly callers: Callers;
  readonly counts: LiveCounts;
  readonly report: (message: string, fields: { readonly [name: string]: unknown }) => void;
  /** Bounds the replays under way: false when there are too many. */
  readonly replays: { begin(): boolean; end(): void };
};

type Subscription = { readonly topic: Topic; joined: boolean; over: boolean };

/** What a socket carries. */
export type ClientData = { readonly client: LiveClient };

/** One connection and what it listens to. */
export class LiveClient {
  readonly #parts: ClientParts;
  readonly #subscriptions = new Map<string, Subscription>();
  #authorization: string;
  #socket: WebSocket<ClientData> | null = null;
  #farewell: { readonly reason: string; readonly timer: NodeJS.Timeout } | null = null;
  #drained: (() => void)[] = [];

  constructor(parts: ClientParts, authorization: string) {
    this.#parts = parts;
    this.#authorization = authorization;
  }

  opened(socket: WebSocket<ClientData>): void {
    this.#socket = socket;
  }

  /** A message from the client. */
  heard(bytes: ArrayBuffer, isBinary: boolean): void {
    if (this.#farewell !== null) return;
    let topic: string | null = null;
    try {
      if (isBinary) throw errors.error('live.malformed', 'messages to the server are JSON text');
      const message = readMessage(bytes);
      if ('topic' in message) topic = message.topic;
      this.#handle(message);
    } catch (error) {
      this.#tell(error, topic);
    }
  }

  /** A message was not sent because too much waits. */
  dropped(message: ArrayBuffer, isBinary: boolean): void {
    if (this.#farewell !== null) return;
    const position = this.#stoodAt(stoodAt(message, isBinary));
    this.#parts.counts.dropped += 1;
    const timer = setTimeout(() => this.#socket?.close(), FAREWELL_MS);
    this.#farewell = { reason: tooSlow(position), timer };
    // The library is in the middle of publishing.
    setImmediate(() => {
      this.#leaveAll();
      this.drained();
    });
  }

  drained(): void {
    const waiting = this.#drained;
    this.#drained = [];
    for (const resume of waiting) resume();
    if (this.#farewell === null || this.#socket === null) return;
    if (this.#socket.getBufferedAmount() < BUFFERED_BYTES_MAX / 2) {
      this.#socket.end(CLOSED.tooSlow, this.#farewell.reason);
    }
  }

  closed(): void {
    this.#socket = null;
    this.#leaveAll();
    if (this.#farewell !== null) clearTimeout(this.#farewell.timer);
    this.drained();
  }

  /** Ends the connection when its key no longer may read what it listens to. */
  recheck(): void {
    if (this.#farewell !== null || this.#socket === null) return;
    if (!this.#subscriptions.values().some(({ topic }) => !topic.isPublic)) return;
    const caller = this.#callerNow();
    const lost = this.#subscriptions.values().some(({ topic }) => !topic.mayRead(caller));
    if (lost) this.end(CLOSED.keyRevoked, JSON.stringify({ code: 'auth.unknown-key' }));
  }

  end(code: number, reason: string): void {
    this.#socket?.end(code, reason);
  }

  #handle(message: ClientMessage): void {
    if (message.op === 'ping')
      this.#send(JSON.stringify({ op: 'pong', position: formatPosition(this.#parts.feed.seen) }));
    else if (message.op === 'auth') this.#authenticate(message.key);
    else if (message.op === 'unsubscribe') {
      this.#leave(message.topic);
      this.#send(JSON.stringify({ op: 'unsubscribed', topic: message.topic }));
    } else this.#subscribe(message.topic, message.after ?? null);
  }

  #authenticate(key: string): void {
    const authorization = `Bearer ${key}`;
    const { role, account } = this.#parts.callers.required(authorization);
    this.#authorization = authorization;
    this.#send(JSON.stringify({ op: 'authenticated', role, account }));
  }

  #subscribe(name: string, after: string | null): void {
    const topic = topicFor(name, this.#parts.callers.of(this.#authorization));
    this.#leave(name);
    if (this.#subscriptions.size >= TOPICS_MAX) {
      throw errors.error('server.busy', `a connection has at most ${TOPICS_MAX} topics`);
    }
    const from = after === null ? null : replayable(after, this.#parts);
    if (from !== null && !this.#parts.replays.begin()) {
      throw errors.error('server.busy', 'too many clients are catching up', { retryAfterSeconds: 1 });
    }
    const { feed } = this.#parts;
    const subscription: Subscription = { topic, joined: false, over: false };
    this.#subscriptions.set(name, subscription);
    this.#parts.counts.subscriptions += 1;
    feed.watch(topic);
    if (from === null) {
      // Where the topic's others stand: what comes next is told to all of them.
      this.#send(subscribedMessage(name, formatPosition(feed.through(topic)), false));
      this.#join(subscription);
      return;
    }
    this.#send(subscribedMessage(name, formatPosition(from), true));
    void this.#replay(subscription, from);
  }

  async #replay(subscription: Subscription, from: Position): Promise<void> {
    const { topic } = subscription;
    const listener = {
      topic,
      get over() {
        return subscription.over;
      },
      send: (message: string | Uint8Array) => this.#send(message),
      taken: () => this.#taken(),
      join: () => this.#join(subscription),
    };
    try {
      const stood = await replay(listener, from, this.#parts);
      if (stood !== null) this.end(CLOSED.tooSlow, tooSlow(formatPosition(stood)));
    } catch (error) {
      if (!subscription.over) this.#tell(error, topic.name);
      this.#leave(topic.name);
    } finally {
      this.#parts.replays.end();
    }
  }

  #join(subscription: Subscription): void {
    if (subscription.over || this.#socket === null) return;
    subscription.joined = true;
    this.#parts.feed.listen(subscription.topic);
    this.#socket.subscribe(subscription.topic.channel);
  }

  #leave(name: string): void {
    const subscription = this.#subscriptions.get(name);
    if (subscription === undefined) return;
    const { topic, joined } = subscription;
    subscription.over = true;
    this.#subscriptions.delete(name);
    this.#parts.counts.subscriptions -= 1;
    this.#parts.feed.unwatch(topic);
    if (!joined) return;
    this.#parts.feed.unlisten(topic);
    this.#socket?.unsubscribe(topic.channel);
  }

  #leaveAll(): void {
    for (const name of [...this.#subscriptions.keys()]) this.#leave(name);
  }

  /** Where the client stands: before what was dropped, and before what its boards' frames still hold back. */
  #stoodAt(before: Position | null): string | null {
    if (before === null) return null;
    const boards = this.#subscriptions.values().filter(({ topic }) => topic.board !== null);
    const held = boards.map(({ topic }) => this.#parts.feed.through(topic));
    return formatPosition(held.reduce((least, position) => (reaches(position, least) ? least : position), before));
  }

  #callerNow(): Principal | null {
    try {
      return this.#parts.callers.of(this.#authorization);
    } catch (error) {
      if (isStrataError(error)) return null;
      throw error;
    }
  }

  #tell(error: unknown, topic: string | null): void {
    const told: StrataError = asStrataError(error);
    if (told.code === 'server.failed') this.#parts.report('a live message failed', { error: told.cause ?? told });
    this.#send(errorMessage(told, topic));
  }

  #send(message: string | Uint8Array): void {
    if (this.#farewell !== null) return;
    this.#parts.counts.direct += 1;
    this.#socket?.send(message, typeof message !== 'string');
  }

  #taken(): Promise<void> | null {
    const { length } = this.#drained;
    if (this.#socket === null || this.#farewell !== null || length > TOPICS_MAX) return null;
    if (this.#socket.getBufferedAmount() < REPLAY_BUFFERED_BYTES_MAX) return null;
    return new Promise((resolve) => this.#drained.push(resolve));
  }
}

function tooSlow(position: string | null): string {
  return JSON.stringify({ code: 'live.too-slow', position });
}

function readMessage(bytes: ArrayBuffer): ClientMessage {
  let value: unknown;
  try {
    value = parseStrictJson(Buffer.from(bytes));
  } catch (error) {
    throw errors.error('live.malformed', error instanceof Error ? error.message : 'not JSON', { cause: error });
  }
  const parsed = clientMessage.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw errors.error('live.malformed', `${issue?.path.join('.')} ${issue?.message}`.trim());
}
