import { crc32c } from '@node-rs/crc32';
import type { Membership } from '#cluster/membership.ts';
import type { Codec } from '#events/encoding.ts';
import { conflict, refused } from '#log/embedded/enqueuer.ts';
import type { Appended, LogId, NotAppended, OwnedBy, RecordedWrite, Write } from '#log/event-log.ts';
import { errors, isStrataError, type StrataError } from '../../errors.ts';
import { CountedRevisions } from './counted-revisions.ts';
import { EnqueuedWrite, recordedAs, WriteEncoder } from './enqueued-write.ts';
import type { KafkaPlace } from './kafka-place.ts';
import { Orderer } from './orderer.ts';
import { moving, OUTCOME_MS, type OwnedPartition, outcomeUnknown } from './owned-partition.ts';
import { PartitionOwners } from './partition-owners.ts';
import { type KafkaRecord, recordSeed } from './record.ts';
import { Replication } from './replication.ts';

/** The member's copy of the log, as far as writing needs it. */
export type MemberReplica = {
  /** -1 where the stream has no event. */
  lastRevision(stream: string): number;
  replicate(writes: readonly RecordedWrite[]): Promise<readonly RecordedWrite[]>;
};

export type KafkaMemberOptions = {
  readonly id: LogId;
  readonly epoch: number;
  readonly codec: Codec;
  /** Where Kafka is read on. */
  readonly place: KafkaPlace;
  /** Streams of which the replica has more than was read up to `place`, and their next revisions there. */
  readonly reread: ReadonlyMap<string, number>;
  readonly replica: MemberReplica;
  readonly membership: Membership;
  /** Where other members reach this one. */
  readonly address: string | null;
  /** Send to a partition, and to the order; reject where what became of it is not known. */
  readonly send: (partition: number, records: readonly KafkaRecord[]) => Promise<void>;
  readonly sendOrder: (records: readonly KafkaRecord[]) => Promise<void>;
  /** ms since 1970. */
  readonly clock: () => number;
  /** The monotonic clock, in ms. */
  readonly nowMs: () => number;
  /** Called when writes are in the replica, and nothing is on its way there. */
  readonly placed: () => void;
};

/**
 * One member of a log on Kafka: what is read goes in by `replication`, what is written goes out by the ports, and nothing here
 * knows the network. Many of these, over partitions that lose, delay and double, are what the simulation runs.
 */
export class KafkaMember {
  readonly replication: Replication;
  readonly owners: PartitionOwners;
  readonly seed: number;
  readonly partitions: number;
  readonly #options: KafkaMemberOptions;
  readonly #revisions: CountedRevisions;
  readonly #orderer: Orderer;
  readonly #encoder: WriteEncoder;
  readonly #unsettled = new Set<EnqueuedWrite>();
  readonly #keyed = new Map<string, EnqueuedWrite>();
  #recordedAt = 0;
  #fault: StrataError | null = null;
  #isClosing = false;

  constructor(options: KafkaMemberOptions) {
    const { id, epoch, codec, place, reread, replica, membership, address, send, sendOrder, nowMs, placed } = options;
    this.#options = options;
    this.partitions = place.partitions.length;
    this.seed = recordSeed(id, epoch);
    this.#revisions = new CountedRevisions((stream) => replica.lastRevision(stream), reread);
    this.#encoder = new WriteEncoder(codec, this.seed);
    this.replication = new Replication({
      codec,
      seed: this.seed,
      place,
      revisions: this.#revisions,
      replicate: (writes) => replica.replicate(writes),
      listener: {
        owned: (partition, owner, nonce) => this.owners.owned(partition, owner, nonce),
        counted: (partition, owner, id) => this.owners.byNumber(partition, owner)?.counted(id) ?? null,
        placed,
        fault: (error) => {
          this.#fault = error === null ? null : faultOf(error);
        },
      },
    });
    const { replication, partitions, seed } = this;
    const onSend = () => this.#orderer.tick();
    this.owners = new PartitionOwners({
      partitions,
      membership,
      address,
      seed,
      read: replication,
      send,
      onSend,
      nowMs,
    });
    this.#orderer = new Orderer({
      rule: replication.order,
      partitions,
      coming: (partition) => {
        const held = this.owners.held(partition);
        return held === null ? null : { owner: held.owner, writes: held.coming };
      },
      seed,
      send: sendOrder,
      isLeading: () => this.owners.held(0) !== null,
      nowMs,
    });
  }

  /** Why nothing more comes into the replica now, or `null`. */
  get fault(): StrataError | null {
    return this.#fault;
  }

  partitionOf(stream: string): number {
    return this.partitions === 1 ? 0 : crc32c(stream) % this.partitions;
  }

  ownerOf(partition: number): OwnedBy {
    return this.owners.ownerOf(partition);
  }

  append(writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]> {
    return Promise.all(writes.map((write) => this.#append(write)));
  }

  /** The revision that the stream will have when all that is handed over here counts. */
  lastRevision(stream: string): number {
    const held = this.owners.held(this.partitionOf(stream));
    return held?.lastRevision(stream) ?? this.#revisions.next(stream) - 1;
  }

  /** Resolves when no write of the key to the stream is on its way. */
  async keySettled(stream: string, key: string): Promise<void> {
    await this.#keyed.get(key + stream)?.settled;
  }

  /** Resolves when all that was handed over before is settled. */
  async settled(): Promise<void> {
    await Promise.all([...this.#unsettled].map((write) => write.settled));
  }

  /** Hands over a write as it is, with its revisions and time; the partition must be here. */
  enqueue(held: OwnedPartition, events: RecordedWrite): EnqueuedWrite | StrataError {
    const refusal = held.refusal;
    if (refusal !== null) return refusal;
    const record = this.#encoder.encode(events, held.owner);
    if (isStrataError(record)) return record;
    const { stream, keyMark } = events[0]!;
    const write = new EnqueuedWrite(stream, events, record, this.#options.nowMs());
    held.enqueue(write);
    this.#unsettled.add(write);
    const key = keyMark === null ? null : keyMark.key + stream;
    if (key !== null) this.#keyed.set(key, write);
    void write.settled.then(() => {
      this.#unsettled.delete(write);
      if (key !== null && this.#keyed.get(key) === write) this.#keyed.delete(key);
    });
    return write;
  }

  /** Reads on, takes over, orders and sends again what is due. Called after reading, and a few times a second. */
  tick(): void {
    this.replication.retry();
    this.owners.tick();
    this.#orderer.tick();
    // What counts and gets no place: the order does not go on.
    const overdueMs = this.#options.nowMs() - OUTCOME_MS;
    for (const write of this.#unsettled) {
      if (write.sinceMs > overdueMs) break;
      write.failed(outcomeUnknown());
    }
  }

  /** Gives places to what was just read. */
  afterReading(): void {
    this.#orderer.tick();
  }

  /** Takes no more, settles what was handed over, and lets go of the partitions. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.settled();
    this.owners.close();
    this.#orderer.close();
    await this.replication.close();
  }

  async #append({ stream, expected, events }: Write): Promise<Appended | NotAppended> {
    if (this.#isClosing) return refused(errors.error('log.closed', 'the log is closed'));
    if (events.length === 0) return refused(errors.error('server.failed', `a write to ${stream} has no events`));
    if (this.replication.isImporting) {
      return refused(errors.error('server.busy', 'the log is being imported, or its import ended early'));
    }
    const partition = this.partitionOf(stream);
    const held = this.owners.open(partition);
    if (held === null) return refused(moving(partition));
    const current = this.lastRevision(stream);
    if (expected !== 'any' && current !== (expected === 'none' ? -1 : expected)) {
      // The refusal rests on what is not certain yet.
      await this.settled();
      if (this.owners.open(partition) !== held) return refused(moving(partition));
      return { ok: false, error: conflict(stream, expected, current), currentRevision: current };
    }
    const recordedAt = Math.max(this.#options.clock(), this.replication.recordedAt, this.#recordedAt);
    const write = this.enqueue(held, recordedAs(events, stream, current + 1, recordedAt));
    if (isStrataError(write)) return refused(write);
    this.#recordedAt = recordedAt;
    return write.settled;
  }
}

function faultOf(error: unknown): StrataError {
  if (isStrataError(error)) return error;
  return errors.error('log.write-failed', `the replica could not be written: ${error}`, { cause: error });
}
