import type { Codec } from '#events/encoding.ts';
import type { EventView } from '#events/event-view.ts';
import type { RecordedWrite } from '#log/event-log.ts';
import { assert } from '../../assert.ts';
import type { CountedRevisions } from './counted-revisions.ts';
import type { EnqueuedWrite } from './enqueued-write.ts';
import type { KafkaPlace } from './kafka-place.ts';
import { OrderRule, type WaitingAt } from './order-rule.ts';
import { type Judged, type Owner, type PartitionPlace, PartitionRule } from './partition-rule.ts';
import { decodeRecord, type LogRecord, type WriteRecord } from './record.ts';

/** Writes that go into the replica at once. */
const REPLICATED_WRITES_MAX = 2000;
const REPLICATED_BYTES_MAX = 1024 * 1024;
/** A partition is not read further while so much of it waits for its place in the order. */
const WAITING_WRITES_MAX = 20_000;
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
const WAITING_RUNS_MAX = 100_000;

/** A record of Kafka as a reader gets it. */
export type ReadRecord = { readonly offset: number; readonly value: Buffer | null };

/** What this member learns from reading, besides what the replica gets. */
export type ReplicationListener = {
  /** A `PartitionOwned` counts. */
  owned(partition: number, owner: Owner, nonce: string): void;
  /** A write counts, whose first event has the id: what waits for its place here, if it is this member's own. */
  counted(partition: number, owner: number, eventId: string): EnqueuedWrite | null;
  /** Writes have their places, and nothing is on its way into the replica: its place may be saved now. */
  placed(): void;
  /** Why the replica takes nothing now: `null` once it does again. */
  fault(error: unknown): void;
};

export type ReplicationOptions = {
  readonly codec: Codec;
  readonly seed: number;
  readonly place: KafkaPlace;
  readonly revisions: CountedRevisions;
  readonly replicate: (writes: readonly RecordedWrite[]) => Promise<readonly RecordedWrite[]>;
  readonly listener: ReplicationListener;
};

type Taken = { readonly partition: number; readonly write: Waiting };

/** A write that counts. */
type Waiting = {
  readonly offset: number;
  readonly owner: Owner;
  readonly events: RecordedWrite;
  readonly sizeBytes: number;
  readonly own: EnqueuedWrite | null;
};

/** One partition as it is read. */
class ReadPartition {
  readonly rule: PartitionRule;
  /** Writes that count and are not in the replica. */
  readonly waiting: Waiting[] = [];
  waitingBytes = 0;
  counted = 0;
  replicated = 0;

  constructor(rule: PartitionRule) {
    this.rule = rule;
  }
}

/** Brings what counts on Kafka into the replica, in the one order that all members find. */
export class Replication {
  readonly #options: ReplicationOptions;
  readonly #partitions: readonly ReadPartition[];
  readonly order: OrderRule;
  readonly #view: EventView;
  #place: KafkaPlace;
  #recordedAt: number;
  #head: number;
  /** Out of the partitions, and not known to be in the replica: given to it again after a failure. */
  #taken: readonly Taken[] = [];
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: ReplicationOptions) {
    const { place, codec, revisions } = options;
    this.#options = options;
    this.#partitions = place.partitions.map((each) => new ReadPartition(new PartitionRule(each, revisions)));
    this.order = new OrderRule(place.partitions.length, place.order);
    this.#view = codec.view();
    this.#place = place;
    this.#recordedAt = place.recordedAt;
    this.#head = place.head;
  }

  /** Up to where what the replica has was read. */
  get place(): KafkaPlace {
    return this.isIdle ? this.#placeNow() : this.#place;
  }

  /** True while nothing is on its way into the replica. */
  get isIdle(): boolean {
    return this.#running === null && this.#taken.length === 0;
  }

  /** The latest time that any write which counts was recorded at. */
  get recordedAt(): number {
    return this.#recordedAt;
  }

  get isImporting(): boolean {
    return this.#partitions[0]!.rule.place.isImporting;
  }

  /** The Kafka offset that is read next. */
  next(partition: number): number {
    return this.#partitions[partition]!.rule.place.next;
  }

  owner(partition: number): Owner | null {
    return this.#partitions[partition]!.rule.owner;
  }

  /** True while all that was found to count is in the replica. */
  get isComplete(): boolean {
    return this.isIdle && this.#partitions.every(({ waiting }) => waiting.length === 0);
  }

  /** How many writes of the partition were found to count, and how many of these are in the replica, since the start. */
  progress(partition: number): { readonly counted: number; readonly replicated: number } {
    return this.#partitions[partition]!;
  }

  /** True while the partition should not be read further. */
  isFull(partition: number): boolean {
    const { waiting, waitingBytes } = this.#partitions[partition]!;
    return waiting.length >= WAITING_WRITES_MAX || waitingBytes >= WAITING_BYTES_MAX;
  }

  get isOrderFull(): boolean {
    return this.order.runs >= WAITING_RUNS_MAX;
  }

  /** Reads records of a partition, in order, from `next` on: those below were read before. */
  read(partition: number, records: readonly ReadRecord[]): void {
    for (const { offset, value } of records) {
      if (offset >= this.next(partition)) this.#readOne(partition, offset, value);
    }
    this.#run();
  }

  /** Reads records of the order. */
  readOrder(records: readonly ReadRecord[]): void {
    for (const { offset, value } of records) {
      if (offset < this.order.next) continue;
      const record = decodeRecord(value, this.#options.seed);
      this.order.judge(offset, record?.kind === 'order' ? record : null);
    }
    this.#run();
  }

  /** Goes on with what the replica refused. */
  retry(): void {
    this.#run();
  }

  /** Resolves when nothing is on its way into the replica any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  #readOne(partition: number, offset: number, value: Buffer | null): void {
    const { seed, listener } = this.#options;
    const at = this.#partitions[partition]!;
    const record = decodeRecord(value, seed);
    // The view stands on a write's first event from here on.
    const judged = this.#judged(record);
    if (at.rule.judge(offset, judged) !== 'counts') return;
    const owner = at.rule.owner;
    if (record?.kind === 'owned') listener.owned(partition, owner!, record.nonce);
    if (record?.kind !== 'write') return;
    assert(owner !== null, 'a write that counts has an owner');
    const own = listener.counted(partition, owner.number, this.#view.id);
    const events = own?.events ?? this.#eventsOf(record);
    this.#recordedAt = Math.max(this.#recordedAt, events[0]!.recordedAt);
    const sizeBytes = value!.length;
    at.waiting.push({ offset, owner, events, sizeBytes, own });
    at.waitingBytes += sizeBytes;
    at.counted += 1;
    this.order.count(partition);
  }

  #judged(record: LogRecord | null): Judged | null {
    if (record?.kind !== 'write') return record;
    const { owner, events } = record;
    const first = this.#view.move(events[0]!, 0, events[0]!.length, 0, 0);
    return { kind: 'write', owner, stream: first.stream, firstRevision: first.revision, count: events.length };
  }

  /** As they were written, on memory of their own. */
  #eventsOf({ events }: WriteRecord): RecordedWrite {
    return events.map((bytes) => this.#view.move(bytes, 0, bytes.length, 0, 0).toWritten());
  }

  #run(): void {
    if (this.#running !== null || this.#isClosed || !(this.#hasNext || this.#taken.length > 0)) return;
    this.#running = this.#drive();
  }

  get #hasNext(): boolean {
    return this.order.nextPartition(this.#waitingAt) !== null;
  }

  readonly #waitingAt: WaitingAt = (partition) => {
    const { waiting, rule } = this.#partitions[partition]!;
    return { first: waiting[0]?.owner.number ?? null, owner: rule.owner?.number ?? null };
  };

  async #drive(): Promise<void> {
    const { listener } = this.#options;
    try {
      while ((this.#hasNext || this.#taken.length > 0) && !this.#isClosed) await this.#replicateSome();
      listener.fault(null);
    } catch (error) {
      listener.fault(error);
    }
    this.#running = null;
  }

  async #replicateSome(): Promise<void> {
    const { replicate, revisions, listener } = this.#options;
    if (this.#taken.length === 0) this.#taken = this.#take();
    const taken = this.#taken;
    const placed = await replicate(taken.map(({ write }) => write.events));
    this.#taken = [];
    this.#head = placed.at(-1)!.at(-1)!.offset;
    this.#place = this.#placeNow();
    for (const [index, { partition, write }] of taken.entries()) {
      revisions.replicated(write.events[0]!.stream);
      this.#partitions[partition]!.replicated += 1;
      write.own?.placed(placed[index]!);
    }
    listener.placed();
  }

  #take(): Taken[] {
    const taken: Taken[] = [];
    let sizeBytes = 0;
    while (taken.length < REPLICATED_WRITES_MAX && sizeBytes < REPLICATED_BYTES_MAX) {
      const partition = this.order.nextPartition(this.#waitingAt);
      if (partition === null) break;
      const at = this.#partitions[partition]!;
      const write = at.waiting.shift()!;
      at.waitingBytes -= write.sizeBytes;
      sizeBytes += write.sizeBytes;
      this.order.take(partition);
      taken.push({ partition, write });
    }
    return taken;
  }

  /** Where reading goes on once what was taken is in the replica: each partition at its first write that still waits. */
  #placeNow(): KafkaPlace {
    const partitions = this.#partitions.map(({ rule, waiting }): PartitionPlace => {
      const [first] = waiting;
      return first === undefined ? rule.place : { ...rule.place, next: first.offset, owner: first.owner };
    });
    return { head: this.#head, partitions, order: this.order.place, recordedAt: this.#recordedAt };
  }
}
