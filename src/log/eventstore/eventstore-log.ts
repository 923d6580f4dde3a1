import type { Codec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import type { Position } from '#events/position.ts';
import { refused } from '#log/embedded/enqueuer.ts';
import type {
  Appended,
  Batch,
  LogId,
  LogRange,
  NotAppended,
  OwnedBy,
  RecordedWrite,
  StreamRange,
  Write,
} from '#log/event-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import type { LogReader } from '#log/log-reader.ts';
import type { Replica, ReplicaOptions } from '#log/replica/replica.ts';
import type { Readings } from '#telemetry/metrics.ts';
import { errors, type StrataError } from '../../errors.ts';
import type { EventStoreConnection } from './connection.ts';
import type { EventStoreAppender } from './eventstore-appender.ts';
import { importWrites } from './importing.ts';
import type { LogStream } from './log-stream.ts';
import type { Placing } from './placing.ts';
import type { Replicated, Replicator } from './replicator.ts';

const PARTITION = 0;
/** For how long a write is tried, and a start waits for the server. */
const TIME_MS = 15_000;

export type EventStoreLogOptions = {
  /** `esdb://[user:password@]host:port[,…]?tls=false&prefix=strata.` */
  readonly url: string;
  /** The replica's folder. Made if it is missing. */
  readonly dir: string;
  readonly codec: Codec;
  /** Whether a log is made where there is none. */
  readonly create: boolean;
  /** What a log that is made gets for its own; else one that nobody had before, in its first epoch. */
  readonly identity?: { readonly id: LogId; readonly epoch: number };
  readonly prepare?: NonNullable<ReplicaOptions<unknown>['prepare']>;
  /** For how long a write is tried, and the start waits for the server: 15 s unless told. */
  readonly timeMs?: number;
  readonly report?: (message: string) => void;
};

/**
 * Opens the log that lies under a prefix on EventStoreDB or KurrentDB, and copies what the replica lacks of it.
 *
 * @throws config.invalid, engine.unavailable, engine.misconfigured, log.locked, log.other-engine, or what the disk says
 */
export async function openEventStoreLog(options: EventStoreLogOptions): Promise<LocalLog> {
  const { openParts } = await import('./opening.ts');
  return new EventStoreLog(await openParts({ ...options, timeMs: options.timeMs ?? TIME_MS }));
}

export type EventStoreParts = {
  readonly connection: EventStoreConnection;
  readonly logStream: LogStream;
  readonly replica: Replica<Replicated>;
  readonly replicator: Replicator;
  readonly placing: Placing;
  readonly appender: EventStoreAppender;
  /** Resolves when the replica has all that the server has now. */
  readonly catchUp: () => Promise<void>;
};

/**
 * A log on EventStoreDB: the server keeps the streams' order and compares revisions, so any number of members write. What is read
 * is the replica, in the order of `$all`.
 */
class EventStoreLog implements LocalLog {
  readonly id: LogId;
  readonly epoch: number;
  readonly isShared = true;
  readonly dir: string;
  readonly readings: Readings;
  readonly #parts: EventStoreParts;
  readonly #replica: Replica<Replicated>['log'];
  #isClosing = false;
  #closing: Promise<void> | null = null;

  constructor(parts: EventStoreParts) {
    this.#parts = parts;
    this.#replica = parts.replica.log;
    this.readings = this.#replica.readings;
    this.id = this.#replica.id;
    this.epoch = this.#replica.epoch;
    this.dir = this.#replica.dir;
  }

  partitionOf(): number {
    return PARTITION;
  }

  ownerOf(): OwnedBy {
    return 'here';
  }

  append(writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.resolve(writes.map(() => refused(refusal)));
    return Promise.all(writes.map((write) => this.#parts.appender.enqueue(write)));
  }

  settled(): Promise<void> {
    return this.#parts.appender.settled();
  }

  lastRevision(stream: string): number {
    return this.#parts.appender.lastRevision(stream);
  }

  async keyed(stream: string, key: string): Promise<readonly RecordedEvent[]> {
    await this.#parts.appender.keySettled(stream, key);
    return this.#replica.keyed(stream, key);
  }

  async import(writes: AsyncIterable<RecordedWrite>): Promise<Position> {
    await importWrites(this.#parts, writes);
    return this.head();
  }

  readStream(stream: string, range?: StreamRange): AsyncIterable<RecordedEvent> {
    return this.#replica.readStream(stream, range);
  }

  readAll(range?: LogRange): AsyncIterable<RecordedEvent> {
    return this.#replica.readAll(range);
  }

  subscribe(after: Position): AsyncIterable<Batch> {
    return this.#replica.subscribe(after);
  }

  head(): Position {
    return this.#replica.head();
  }

  headOffset(): number {
    return this.#replica.headOffset();
  }

  positionAt(time: Date): Promise<Position> {
    return this.#replica.positionAt(time);
  }

  fault(): StrataError | null {
    return this.#replica.fault() ?? this.#parts.replicator.fault;
  }

  reader(): LogReader {
    return this.#replica.reader();
  }

  /** Settles what is enqueued, and gives the replica's folder back. */
  close(): Promise<void> {
    this.#isClosing = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { appender, replicator, replica, connection } = this.#parts;
    await appender.settled();
    await replicator.close();
    await replica.close();
    await connection.close();
  }

  /** Why nothing may be written, whatever it is. */
  #refusal(): StrataError | null {
    if (this.#isClosing) return errors.error('log.closed', 'the log is closed');
    if (!this.#parts.logStream.isImporting) return null;
    return errors.error('server.busy', 'the log is being imported, or its import ended early');
  }
}
