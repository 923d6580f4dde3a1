import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedEvent } from '#events/event.ts';
import type { EmbeddedLog } from '#log/embedded/embedded-log.ts';
import type { RecordedWrite } from '#log/event-log.ts';
import { errors, type StrataError } from '../../errors.ts';
import type { AppendAnswer, AppendExpected, ProposedEvent } from './append-protocol.ts';
import type { Arrival } from './arrivals.ts';
import { type EventStoreConnection, fatalError, wasNeverSent } from './connection.ts';
import type { EnqueuedWrite } from './enqueued-write.ts';
import { eventOf, streamFrom } from './read-protocol.ts';
import type { Replicator } from './replicator.ts';
import { pauseMs, unavailable } from './retrying.ts';

/** How many attempts without an answer fit into the time. */
const SILENT_ATTEMPTS = 3;

type Failed = { readonly ok: false; readonly error: StrataError };
type Conflicting = { readonly ok: false; readonly current: number };

/** What became of writes of one stream that went as one append: all of them, or none. */
export type Placed = { readonly ok: true; readonly writes: readonly RecordedWrite[] } | Conflicting | Failed;

export type PlacingOptions = {
  readonly connection: EventStoreConnection;
  readonly replicator: Replicator;
  readonly replica: EmbeddedLog;
  readonly prefix: string;
  /** For how long it is tried. */
  readonly timeMs: number;
};

/** Brings writes to the server, once each however often they must be sent, and waits until the replica has them. */
export class Placing {
  readonly #options: PlacingOptions;

  constructor(options: PlacingOptions) {
    this.#options = options;
  }

  /** Consecutive writes of one stream, as one append that rests on what the first expects. */
  async place(stream: string, writes: readonly EnqueuedWrite[]): Promise<Placed> {
    const { replicator, timeMs } = this.#options;
    const events = writes.flatMap(({ proposed }) => proposed);
    const ids = writes.map(({ write }) => write.events[0]!.id);
    const arrivals = ids.map((id) => replicator.arrivals.expect(id));
    try {
      const sent = await this.send(stream, writes[0]!.write.expected, events, arrivals[0]);
      if (!sent.ok && 'error' in sent) return sent;
      const isThere = await replicator.hasRevision(stream, sent.ok ? sent.revision : sent.current, timeMs);
      if (isThere)
        return sent.ok ? { ok: true, writes: await this.#written(stream, sent.revision, writes, arrivals) } : sent;
      const error = sent.ok
        ? unknownOutcome('the write is on EventStoreDB, but has not come back', replicator.fault)
        : unavailable(replicator.fault);
      return { ok: false, error };
    } finally {
      for (const id of ids) replicator.arrivals.forget(id);
    }
  }

  /**
   * One append, sent until it is known what became of it: by the server's answer, or because the events came back (`arrival`).
   * Sent again, an append with an expected revision is known to the server by its place and ids. For one that expects nothing,
   * the server remembers recent ids only; so after an unknown outcome it is looked for, and rests on what was found.
   */
  async send(
    stream: string,
    first: AppendExpected,
    events: readonly ProposedEvent[],
    arrival?: Arrival,
  ): Promise<AppendAnswer | Failed> {
    const { replica, timeMs } = this.#options;
    const until = performance.now() + timeMs;
    const before = replica.lastRevision(stream);
    let expected = first;
    let mayBeThere = false;
    for (let failures = 0; ; failures += 1) {
      let cause: unknown;
      try {
        if (mayBeThere && first === 'any') {
          const found = await this.#find(stream, before + 1, events);
          if (found.ok) return found;
          expected = found.current === -1 ? 'none' : found.current;
        }
        const answer = await this.#attempt(stream, expected, events, until, arrival);
        if (answer.ok || expected === first) return answer;
      } catch (error) {
        cause = error;
        const fatal = fatalError(error);
        if (fatal !== null) return { ok: false, error: fatal };
        mayBeThere ||= !wasNeverSent(error);
      }
      await this.#pause(Math.min(until - performance.now(), pauseMs(failures)), arrival);
      if (performance.now() < until || arrival?.isThere === true) continue;
      const error = mayBeThere
        ? unknownOutcome('EventStoreDB did not say what became of it', cause)
        : unavailable(cause);
      return { ok: false, error };
    }
  }

  #attempt(
    stream: string,
    expected: AppendExpected,
    events: readonly ProposedEvent[],
    until: number,
    arrival: Arrival | undefined,
  ): Promise<AppendAnswer> {
    const { connection, prefix, timeMs } = this.#options;
    const deadlineMs = Math.max(1, Math.min(timeMs / SILENT_ATTEMPTS, until - performance.now()));
    const answered = connection.append(prefix + stream, expected, events, deadlineMs);
    if (arrival === undefined) return answered;
    const arrived = arrival.write.then((write): AppendAnswer => {
      return { ok: true, revision: write[0]!.revision + events.length - 1 };
    });
    return Promise.race([answered, arrived]);
  }

  async #pause(ms: number, arrival: Arrival | undefined): Promise<void> {
    const over = new AbortController();
    const paused = delay(ms, undefined, { signal: over.signal }).catch(() => undefined);
    await (arrival === undefined ? paused : Promise.race([paused, arrival.write]));
    over.abort();
  }

  /** The events on the server, if they are there at or after the revision; else the stream's last revision. */
  async #find(stream: string, from: number, events: readonly ProposedEvent[]): Promise<AppendAnswer> {
    const { connection, prefix } = this.#options;
    let current = from - 1;
    for await (const messages of connection.messages(streamFrom(prefix + stream, from))) {
      for (const event of messages.map(eventOf)) {
        if (event === null) continue;
        if (event.id.toLowerCase() === events[0]!.id) return { ok: true, revision: event.revision + events.length - 1 };
        current = event.revision;
      }
    }
    return { ok: false, current };
  }

  /** The writes as they lie in the replica: as they arrived, or from there when they were known before. */
  async #written(
    stream: string,
    revision: number,
    writes: readonly EnqueuedWrite[],
    arrivals: readonly Arrival[],
  ): Promise<RecordedWrite[]> {
    if (arrivals.every(({ isThere }) => isThere)) return Promise.all(arrivals.map(({ write }) => write));
    const count = writes.reduce((sum, { proposed }) => sum + proposed.length, 0);
    const range = { from: revision - count + 1, to: revision };
    const events: RecordedEvent[] = await Array.fromAsync(this.#options.replica.readStream(stream, range));
    return writes.map(({ proposed }) => events.splice(0, proposed.length));
  }
}

function unknownOutcome(what: string, cause: unknown): StrataError {
  return errors.error('command.outcome-unknown', what, { cause });
}
