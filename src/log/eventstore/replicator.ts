import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { RecordedEvent } from '#events/event.ts';
import type { RecordedWrite } from '#log/event-log.ts';
import type { Replica } from '#log/replica/replica.ts';
import { errors, isStrataError, type StrataError } from '../../errors.ts';
import { Arrivals } from './arrivals.ts';
import { type EventStoreConnection, fatalError } from './connection.ts';
import type { LogStream } from './log-stream.ts';
import {
  checkpointOf,
  eventOf,
  isAtLeast,
  type Place,
  placeSchema,
  type ServerEvent,
  subscription,
} from './read-protocol.ts';
import { pauseMs, unavailable } from './retrying.ts';
import { storedEvent } from './stored-event.ts';

/** A subscription that is lost is usually found again at once; after this, the log says that it is not. */
const DOWN_MS = 2000;
const SAVED_EVERY_MS = 1000;

/** Where the replica goes on: after a place in `$all`, before which no event was recorded later than `latestAt`. */
export const replicatedSchema = z.object({ place: placeSchema, latestAt: z.int().min(0) });
export type Replicated = z.infer<typeof replicatedSchema>;

export type ReplicatorOptions = {
  readonly connection: EventStoreConnection;
  readonly prefix: string;
  readonly logStream: LogStream;
  readonly replica: Replica<Replicated>;
  readonly report: (message: string) => void;
};

/**
 * Copies `$all`, as far as it has the prefix, into the replica: by one subscription, begun again after the last whole write
 * whenever it is lost. It takes no more from the server than the replica has taken.
 */
export class Replicator {
  readonly arrivals = new Arrivals();
  readonly #options: ReplicatorOptions;
  readonly #closing = new AbortController();
  #place: Place | null;
  #latestAt: number;
  /** The events so far of a write that has not come whole. */
  #partial: { readonly events: RecordedEvent[]; readonly isImported: boolean } | null = null;
  #isReplicating = false;
  #downSinceMs: number | null = null;
  /** Since when the replica does not take what comes. */
  #stuckSinceMs: number | null = null;
  #lastError: unknown = null;
  #fatal: StrataError | null = null;
  #savedMs = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    this.#place = options.replica.saved?.place ?? null;
    this.#latestAt = options.replica.saved?.latestAt ?? 0;
  }

  /** Up to where all was copied; `null` at the beginning. */
  get place(): Place | null {
    return this.#place;
  }

  /** Why nothing comes from the server, or `null`. */
  get fault(): StrataError | null {
    if (this.#fatal !== null) return this.#fatal;
    const sinceMs = this.#stuckSinceMs ?? this.#downSinceMs;
    if (sinceMs === null || performance.now() - sinceMs < DOWN_MS) return null;
    return isStrataError(this.#lastError) ? this.#lastError : unavailable(this.#lastError);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when the replica has the stream up to the revision, for reading; false if the time is over before, or it never will. */
  hasRevision(stream: string, revision: number, timeMs: number): Promise<boolean> {
    return this.#until(() => this.#options.replica.log.lastRevision(stream) >= revision, timeMs);
  }

  /** Resolves when all up to the place in `$all` was copied. */
  hasPlace(place: Place, timeMs: number): Promise<boolean> {
    return this.#until(() => this.#place !== null && isAtLeast(this.#place, place), timeMs);
  }

  /** Ends the subscription, and remembers where it was. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#wake();
    if (this.#fatal === null) await this.#save();
  }

  #until(isMet: () => boolean, timeMs: number): Promise<boolean> {
    // What is being copied is counted before it can be read.
    if (!this.#isReplicating && isMet()) return Promise.resolve(true);
    if (this.#fatal !== null) return Promise.resolve(false);
    return this.arrivals.until(isMet, timeMs);
  }

  #wake(): void {
    this.arrivals.wake(this.#fatal !== null || this.#closing.signal.aborted);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await this.#follow(() => {
          if (this.#stuckSinceMs === null) failures = 0;
        });
      } catch (error) {
        this.#lastError = fatalError(error) ?? error;
        // The disk may have room again, and rights may be given back: what was read does not get better.
        if (isStrataError(error) && error.status !== 503) return this.#give(error);
      }
      if (signal.aborted) return;
      this.#downSinceMs ??= performance.now();
      await delay(pauseMs(failures), undefined, { signal }).catch(() => undefined);
    }
  }

  #give(fatal: StrataError): void {
    this.#fatal = fatal;
    this.#options.report(`nothing more is read from EventStoreDB: ${fatal.message}`);
    this.#wake();
  }

  /** One subscription, until it is lost. */
  async #follow(onMessages: () => void): Promise<void> {
    const { connection, prefix } = this.#options;
    this.#partial = null;
    const request = subscription(prefix, this.#place);
    for await (const messages of connection.messages(request, this.#closing.signal)) {
      onMessages();
      this.#downSinceMs = null;
      const writes: RecordedWrite[] = [];
      let place = this.#place;
      let latestAt = this.#latestAt;
      for (const message of messages) {
        const event = eventOf(message);
        const write = event === null ? null : this.#taken(event, latestAt);
        if (write !== null) {
          writes.push(write);
          latestAt = Math.max(latestAt, write[0]!.recordedAt);
        }
        if (this.#partial === null) place = event?.place ?? checkpointOf(message) ?? place;
      }
      await this.#replicate(writes);
      this.#place = place;
      this.#latestAt = latestAt;
      this.#wake();
      if (performance.now() - this.#savedMs > SAVED_EVERY_MS) await this.#save();
    }
  }

  /** The write that the event ends. Its time is the server's, but never before that of an earlier write. */
  #taken(from: ServerEvent, latestAt: number): RecordedWrite | null {
    const { prefix, logStream } = this.#options;
    if (from.stream === logStream.name) {
      logStream.take(from);
      return null;
    }
    const { event, isImported, place, count } = storedEvent(from, prefix);
    this.#partial ??= { events: [], isImported };
    const { events } = this.#partial;
    if (place !== events.length || (place > 0 && events[0]!.stream !== event.stream)) {
      throw errors.error(
        'engine.misconfigured',
        `event ${event.revision} of ${from.stream} is not in its write's place`,
      );
    }
    const earliest = events[0]?.recordedAt ?? (isImported ? event.recordedAt : Math.max(event.recordedAt, latestAt));
    events.push({ ...event, recordedAt: earliest, partition: 0, offset: 0 });
    if (events.length < count) return null;
    this.#partial = null;
    return events;
  }

  async #replicate(writes: readonly RecordedWrite[]): Promise<void> {
    if (writes.length === 0) return;
    this.#isReplicating = true;
    try {
      for (const write of await this.#options.replica.replicate(writes)) this.arrivals.arrived(write);
      this.#stuckSinceMs = null;
    } catch (error) {
      this.#stuckSinceMs ??= performance.now();
      if (isStrataError(error, 'engine.misconfigured')) {
        // It is that of the keys, which may be set right while this waits.
        throw errors.error('engine.unavailable', error.message, { cause: error, retryAfterSeconds: 1 });
      }
      if (!isStrataError(error, 'stream.revision-conflict')) throw error;
      const lost = 'a stream lacks events on EventStoreDB, of which none may be deleted or truncated';
      throw errors.error('engine.misconfigured', `${lost}: ${error.message}`, { cause: error });
    } finally {
      this.#isReplicating = false;
    }
  }

  async #save(): Promise<void> {
    this.#savedMs = performance.now();
    if (this.#place === null) return;
    try {
      await this.#options.replica.save({ place: this.#place, latestAt: this.#latestAt });
    } catch (error) {
      // The next start reads more of what the replica has.
      this.#options.report(`where the replica goes on could not be saved: ${error}`);
    }
  }
}
