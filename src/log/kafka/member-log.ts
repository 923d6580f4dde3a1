import type { RecordedEvent } from '#events/event.ts';
import type { Position } from '#events/position.ts';
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
import type { Replica } from '#log/replica/replica.ts';
import type { Readings } from '#telemetry/metrics.ts';
import { errors, type StrataError } from '../../errors.ts';
import { importWrites } from './import.ts';
import type { KafkaPlace } from './kafka-place.ts';
import { KafkaMember, type KafkaMemberOptions } from './member.ts';
import { memberReadings } from './member-readings.ts';
import type { Reader } from './reader.ts';
import type { ReadRecord } from './replication.ts';
import type { Senders } from './senders.ts';
import type { TopicEnds } from './topic-ends.ts';
import { Waiters } from './waiters.ts';

/** How often what is overdue is looked after. */
const TICK_MS = 100;
/** How often the replica's place is saved: what came in after it is read again after a crash. */
const SAVE_MS = 1000;
/** No broker answered a fetch for so long: the engine is not there. */
const SILENT_MS = 10_000;
/** A member with less to read than this is nearly caught up; one with more than that is not. */
const LAG_READY = 5000;
const LAG_BEHIND = 100_000;
/** How long reading up to the end that Kafka had at the start may make no progress. */
const STALLED_MS = 60_000;

export type MemberLogParts = Pick<
  KafkaMemberOptions,
  'codec' | 'membership' | 'address' | 'reread' | 'place' | 'clock'
> & {
  /** The engine in messages: its URL without credentials. */
  readonly name: string;
  readonly replica: Replica<KafkaPlace>;
  readonly reader: Reader;
  readonly senders: Senders;
  readonly report: (message: string) => void;
};

/** A log on Kafka, as one of its members has it: what is read comes from the replica, what is written goes to Kafka. */
export class MemberLog implements LocalLog {
  readonly id: LogId;
  readonly epoch: number;
  readonly isShared = true;
  readonly dir: string;
  readonly readings: Readings;
  readonly #parts: MemberLogParts;
  readonly #member: KafkaMember;
  readonly #waiters = new Waiters();
  /** Where Kafka ends, as far as it was told, by partition. */
  readonly #ends: number[];
  readonly #timer: NodeJS.Timeout;
  #savedAtMs = 0;
  #savedHead = 0;
  #isReady = false;
  #wasReady = false;
  #isImporting = false;
  #closing: Promise<void> | null = null;

  constructor(parts: MemberLogParts) {
    const { replica, senders, place } = parts;
    this.#parts = parts;
    this.id = replica.log.id;
    this.epoch = replica.log.epoch;
    this.dir = replica.log.dir;
    this.#ends = place.partitions.map(({ next }) => next);
    this.#member = new KafkaMember({
      ...parts,
      id: this.id,
      epoch: this.epoch,
      replica: {
        lastRevision: (stream) => replica.log.lastRevision(stream),
        replicate: (writes) => replica.replicate(writes),
      },
      send: (partition, records) => senders.send(partition, records),
      sendOrder: (records) => senders.sendOrder(records),
      nowMs: () => performance.now(),
      placed: () => {
        if (performance.now() - this.#savedAtMs > SAVE_MS) void this.#save();
        this.#waiters.look();
      },
    });
    const { partitions } = this.#member;
    const { membership } = parts;
    const ownerOf = (partition: number) => this.ownerOf(partition);
    const unread = (partition: number) => this.#unread(partition);
    this.readings = { ...replica.log.readings, ...memberReadings({ partitions, membership, ownerOf, unread }) };
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  partitionOf(stream: string): number {
    return this.#member.partitionOf(stream);
  }

  ownerOf(partition: number): OwnedBy {
    return this.#member.ownerOf(partition);
  }

  append(writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]> {
    return this.#member.append(writes);
  }

  settled(): Promise<void> {
    return this.#member.settled();
  }

  lastRevision(stream: string): number {
    return this.#member.lastRevision(stream);
  }

  async keyed(stream: string, key: string): Promise<readonly RecordedEvent[]> {
    await this.#member.keySettled(stream, key);
    return this.#parts.replica.log.keyed(stream, key);
  }

  async import(writes: AsyncIterable<RecordedWrite>): Promise<Position> {
    if (this.#isImporting) throw errors.error('server.busy', 'the log is being imported');
    this.#isImporting = true;
    try {
      const head = () => this.headOffset();
      const until = (isMet: () => boolean) => this.#until(isMet);
      await importWrites(writes, { member: this.#member, senders: this.#parts.senders, head, until });
      return this.head();
    } finally {
      this.#isImporting = false;
    }
  }

  readStream(stream: string, range?: StreamRange): AsyncIterable<RecordedEvent> {
    return this.#parts.replica.log.readStream(stream, range);
  }

  readAll(range?: LogRange): AsyncIterable<RecordedEvent> {
    return this.#parts.replica.log.readAll(range);
  }

  subscribe(after: Position): AsyncIterable<Batch> {
    return this.#parts.replica.log.subscribe(after);
  }

  head(): Position {
    return this.#parts.replica.log.head();
  }

  headOffset(): number {
    return this.#parts.replica.log.headOffset();
  }

  reader(): LogReader {
    return this.#parts.replica.log.reader();
  }

  positionAt(time: Date): Promise<Position> {
    return this.#parts.replica.log.positionAt(time);
  }

  fault(): StrataError | null {
    const { reader, replica, name } = this.#parts;
    const silentMs = performance.now() - reader.fetchedAtMs;
    const known = reader.fault ?? this.#member.fault ?? replica.log.fault();
    if (known !== null || silentMs < SILENT_MS) return known;
    const seconds = Math.round(silentMs / 1000);
    return errors.error('engine.unavailable', `${name} has not answered for ${seconds} s`, {
      retryAfterSeconds: 1,
    });
  }

  /** Settles what is handed over, lets go of the partitions so that others take them at once, and gives the folder back. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { membership, reader, replica, senders } = this.#parts;
    await this.#member.close();
    await membership.close();
    await reader.close();
    await this.stop();
    await senders.close();
    if (this.#member.replication.isIdle) await this.#save();
    await replica.close();
  }

  /** Ends what goes on by itself. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#member.replication.close();
  }

  /** Resolves when all that Kafka had at `ends` and that has its place is in the replica. */
  async caughtUp({ partitions, order }: TopicEnds): Promise<void> {
    const { replication, partitions: count } = this.#member;
    const ends = partitions.slice(0, count);
    let [progress, sinceMs] = [-1, performance.now()];
    await this.#until(() => {
      const now = ends.reduce((sum, _, at) => sum + replication.next(at), this.headOffset() + replication.order.next);
      if (now !== progress) [progress, sinceMs] = [now, performance.now()];
      if (performance.now() - sinceMs > STALLED_MS) {
        throw errors.error('engine.unavailable', `nothing more comes from ${this.#parts.name}`);
      }
      const isRead = ends.every(({ high }, at) => replication.next(at) >= high);
      if (!isRead || (count > 1 && replication.order.next < order.high)) return false;
      // What an import left behind waits for the import to go on.
      return replication.order.ahead > 0 ? replication.isIdle : replication.isComplete;
    });
    this.#setReady(true);
  }

  /** What is read of a partition, and of the order where `partition` is `null`. */
  read(partition: number | null, records: readonly ReadRecord[], end: number): void {
    const { replication } = this.#member;
    if (partition === null) replication.readOrder(records);
    else {
      this.#ends[partition] = end;
      replication.read(partition, records);
    }
    this.#member.afterReading();
    this.#waiters.look();
  }

  /** Where a partition, or the order, is read on; `null` while it is not to be. */
  next(partition: number | null): number | null {
    const { replication, partitions } = this.#member;
    if (partition === null) return partitions === 1 || replication.isOrderFull ? null : replication.order.next;
    return partition >= partitions || replication.isFull(partition) ? null : replication.next(partition);
  }

  #tick(): void {
    this.#member.tick();
    // What ends reading ends it for good: others are to own what this member cannot answer any more.
    if (this.#parts.reader.fault !== null) void this.#parts.membership.close();
    const { replication } = this.#member;
    const isDue = performance.now() - this.#savedAtMs > SAVE_MS;
    if (isDue && replication.isIdle && replication.place.head > this.#savedHead) void this.#save();
    const lag = this.#ends.reduce((sum, _, partition) => sum + this.#unread(partition), 0);
    if (this.#isReady ? lag > LAG_BEHIND : this.#wasReady && lag < LAG_READY) this.#setReady(!this.#isReady);
    this.#waiters.look();
  }

  /** Records of the partition that Kafka is known to have, and that are not read. */
  #unread(partition: number): number {
    return Math.max(0, this.#ends[partition]! - this.#member.replication.next(partition));
  }

  #setReady(isReady: boolean): void {
    this.#isReady = isReady;
    this.#wasReady = true;
    this.#parts.membership.setReady(isReady);
  }

  /** Where Kafka is read on is remembered as of what the replica has now: not while something is on its way there. */
  async #save(): Promise<void> {
    const { place } = this.#member.replication;
    this.#savedAtMs = performance.now();
    try {
      await this.#parts.replica.save(place);
      this.#savedHead = place.head;
    } catch (error) {
      this.#parts.report(`the replica's place could not be saved, so the next start reads more of Kafka: ${error}`);
    }
  }

  /** Resolves once it is so. Rejects with the fault that keeps it from becoming so. */
  #until(isMet: () => boolean): Promise<void> {
    return this.#waiters.until(() => {
      const fault = this.#parts.reader.fault ?? this.#member.fault;
      if (fault !== null) throw fault;
      return isMet();
    });
  }
}
