import type { Batch, Consumer, Kafka, PartitionAssigner } from 'kafkajs';
import { errors, type StrataError } from '../../errors.ts';
import type { ReadRecord } from './replication.ts';

/** How long a broker holds a fetch open when there is nothing new: pauses and seeks wait for it. */
const FETCH_WAIT_MS = 200;
const FETCH_BYTES_MAX = 8 * 1024 * 1024;
const PARTITION_BYTES_MAX = 2 * 1024 * 1024;
/** A reader's group has no other member, so that only its own death ends its session. */
const SESSION_MS = 30_000;
const HEARTBEAT_MS = 3000;
const RETRY = { initialRetryTime: 100, maxRetryTime: 1000, retries: 1000 };
const RESTART_MS = 1000;
/** A gap is asked for again so often before it is believed to be one. */
const GAP_TRIES_MAX = 3;

/** A partition of a topic that is read, in order and without a gap. */
export type Source = {
  readonly topic: string;
  readonly partition: number;
  /** The Kafka offset that comes next; `null`: not read now. */
  next(): number | null;
  /** Records from `next` on; `end` is the offset after the last one that the partition has now. */
  read(records: readonly ReadRecord[], end: number): void;
};

export type ReaderOptions = {
  readonly kafka: Kafka;
  /** Of a group that no other reader has. */
  readonly groupId: string;
  readonly sources: readonly Source[];
  readonly report: (message: string) => void;
  /** The monotonic clock, in ms. */
  readonly nowMs: () => number;
};

/**
 * Reads partitions from where their reader is, again and again after every failure. kafkajs reads by groups only; this one has a single
 * member and commits nothing, and whatever it hands over twice or skips is noticed by the offset.
 */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #sources: ReadonlyMap<string, Source>;
  readonly #gaps = new Map<Source, number>();
  readonly #paused = new Set<Source>();
  #consumer: Consumer | null = null;
  #fetchedAtMs: number;
  #fault: StrataError | null = null;
  /** Rejects with the fault, if one comes. */
  readonly failed: Promise<never>;
  #rejectFailed: (fault: StrataError) => void = () => undefined;
  #restarting: NodeJS.Timeout | null = null;
  #isClosed = false;

  private constructor(options: ReaderOptions) {
    this.#options = options;
    this.#sources = new Map(options.sources.map((source) => [keyOf(source.topic, source.partition), source]));
    this.#fetchedAtMs = options.nowMs();
    this.failed = new Promise((_, reject) => {
      this.#rejectFailed = reject;
    });
    // Whoever asks hears of it.
    this.failed.catch(() => undefined);
  }

  static async start(options: ReaderOptions): Promise<Reader> {
    const reader = new Reader(options);
    await reader.#start();
    return reader;
  }

  /** Why nothing more is read, for good; or `null`. */
  get fault(): StrataError | null {
    return this.#fault;
  }

  /** When a broker last answered a fetch, by the monotonic clock. */
  get fetchedAtMs(): number {
    return this.#fetchedAtMs;
  }

  /** Reads every source from its `next` on; not those that have none. */
  reposition(): void {
    for (const source of this.#sources.values()) this.#position(source);
  }

  /** Reads on what was full and is not any more. */
  resume(): void {
    for (const source of this.#paused) if (source.next() !== null) this.#position(source);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#restarting !== null) clearTimeout(this.#restarting);
    await this.#consumer?.disconnect().catch(() => undefined);
  }

  async #start(): Promise<void> {
    const { kafka, groupId, nowMs } = this.#options;
    const { AssignerProtocol } = await import('kafkajs');
    const consumer = kafka.consumer({
      groupId,
      partitionAssigners: [everything(AssignerProtocol)],
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES_MAX,
      maxBytesPerPartition: PARTITION_BYTES_MAX,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      retry: RETRY,
    });
    this.#consumer = consumer;
    consumer.on(consumer.events.FETCH, () => {
      this.#fetchedAtMs = nowMs();
    });
    // A consumer that joined knows no positions any more.
    consumer.on(consumer.events.GROUP_JOIN, () => this.reposition());
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) this.#restart(payload.error);
    });
    await consumer.connect();
    const topics = [...new Set(this.#options.sources.map(({ topic }) => topic))];
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: this.#sources.size,
      eachBatch: ({ batch }) => this.#read(batch),
    });
  }

  /** Not what kafkajs restarts by itself. */
  #restart(cause: unknown): void {
    if (this.#isClosed || this.#restarting !== null) return;
    this.#options.report(`reading from Kafka begins again: ${cause}`);
    this.#restarting = setTimeout(() => {
      this.#restarting = null;
      const consumer = this.#consumer;
      void consumer?.disconnect().catch(() => undefined);
      this.#start().catch((error) => this.#restart(error));
    }, RESTART_MS);
  }

  async #read(batch: Batch): Promise<void> {
    const source = this.#sources.get(keyOf(batch.topic, batch.partition));
    const next = source?.next() ?? null;
    if (source === undefined || next === null || this.#fault !== null || this.#isClosed) return;
    const records: ReadRecord[] = [];
    for (const { offset, value } of batch.messages) {
      const number = Number(offset);
      if (number >= next) records.push({ offset: number, value });
    }
    // Among others' transactions there are records that Kafka keeps to itself: they are no gap, and this counts them.
    const first = Number(batch.firstOffset() ?? next);
    if (first > next) {
      this.#askAgain(source, next, first);
      return;
    }
    this.#gaps.delete(source);
    if (records.length === 0) return;
    try {
      source.read(records, Number(batch.highWatermark));
    } catch (error) {
      // What cannot be read now cannot be read later: an operator must see to it.
      this.#fail(error);
    }
    // One that is full is not read on.
    if (source.next() === null) this.#position(source);
  }

  /** Something was skipped: by kafkajs, or because it is gone. */
  #askAgain(source: Source, next: number, first: number): void {
    const tries = (this.#gaps.get(source) ?? 0) + 1;
    this.#gaps.set(source, tries);
    if (tries <= GAP_TRIES_MAX) {
      this.#position(source);
      return;
    }
    const where = `${source.topic}/${source.partition}`;
    this.#fail(
      errors.error(
        'engine.misconfigured',
        `Kafka deleted records that the log needs: ${where} goes on at ${first}, not at ${next}`,
      ),
    );
  }

  #position(source: Source): void {
    const { topic, partition } = source;
    const next = source.next();
    if (next === null) this.#paused.add(source);
    else this.#paused.delete(source);
    try {
      if (next === null) {
        this.#consumer?.pause([{ topic, partitions: [partition] }]);
        return;
      }
      this.#consumer?.seek({ topic, partition, offset: String(next) });
      this.#consumer?.resume([{ topic, partitions: [partition] }]);
    } catch {
      // It is not running now: it asks for positions when it joins again.
    }
  }

  #fail(error: unknown): void {
    if (this.#fault !== null) return;
    this.#fault =
      error instanceof Error && 'code' in error
        ? (error as StrataError)
        : errors.error('server.failed', 'what Kafka holds cannot be read', { cause: error });
    this.#options.report(`reading from Kafka ends: ${this.#fault.message}`);
    this.#rejectFailed(this.#fault);
  }
}

type Protocol = typeof import('kafkajs').AssignerProtocol;

/** Every member reads everything: one that Kafka still believes to be there, after it was killed, takes nothing away. */
function everything({ MemberMetadata, MemberAssignment }: Protocol): PartitionAssigner {
  const name = 'StrataEverything';
  const version = 0;
  const userData = Buffer.alloc(0);
  return ({ cluster }) => ({
    name,
    version,
    async assign({ members, topics }) {
      const assignment = Object.fromEntries(
        topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)]),
      );
      const memberAssignment = MemberAssignment.encode({ version, assignment, userData });
      return members.map(({ memberId }) => ({ memberId, memberAssignment }));
    },
    protocol: ({ topics }) => ({ name, metadata: MemberMetadata.encode({ version, topics, userData }) }),
  });
}

function keyOf(topic: string, partition: number): string {
  return `${partition}/${topic}`;
}
