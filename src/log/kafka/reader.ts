import { randomBytes } from 'node:crypto';
import type { Batch, Consumer, Kafka } from 'kafkajs';
import { errors, type StrataError } from '../../errors.ts';
import { everything } from './everything-assigner.ts';
import type { ReadRecord } from './replication.ts';

/** How long a broker holds a fetch open when there is nothing new: pauses and seeks wait for it. */
const FETCH_WAIT_MS = 200;
const FETCH_BYTES_MAX = 8 * 1024 * 1024;
const PARTITION_BYTES_MAX = 2 * 1024 * 1024;
/** A reader's group has no other member: its coordinator is asked as seldom as can be, because reading stops while it does not answer. */
const SESSION_MS = 120_000;
const HEARTBEAT_MS = 30_000;
const RETRY = { initialRetryTime: 50, maxRetryTime: 500, retries: 2, restartOnFailure: async () => false };
/** A consumer that fails, or is not answered for so long, is given up for a new one. */
const RESTART_MS = 200;
const SILENT_MS = 5000;
/** A group is joined in 3 s at least, as brokers are set up by default. */
const JOIN_MS = 15_000;
/** How soon it is noticed that a partition has another leader, where the last one just does not answer. */
const METADATA_MS = 2000;
const TICK_MS = 100;
/** A gap is asked for again so often before it is believed to be one. */
const GAP_TRIES_MAX = 3;

/** A partition may end before what was read of it for so long: a broker that was away tells old ends for a moment. */
const LOST_MS = 10_000;
/** Seen less often than this, it is not the same loss. */
const LOST_SEEN_MS = 5_000;

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
  /** What the names of its groups begin with. */
  readonly groupPrefix: string;
  readonly sources: readonly Source[];
  readonly report: (message: string) => void;
  /** The monotonic clock, in ms. */
  readonly nowMs: () => number;
};

/**
 * Reads partitions from where their reader is, again and again after every failure. kafkajs reads by groups only: each
 * consumer has one of its own, so that it waits for no one who is gone, and commits nothing. What it hands over twice or skips is
 * noticed by the offset.
 */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #sources: ReadonlyMap<string, Source>;
  readonly #gaps = new Map<Source, number>();
  /** Since when a partition ends before what was read of it, and when that was last seen. */
  readonly #lost = new Map<Source, { readonly sinceMs: number; readonly seenMs: number }>();
  readonly #paused = new Set<Source>();
  #consumer: Consumer | null = null;
  #fetchedAtMs: number;
  /** By when a consumer must have been answered. */
  #dueMs = Number.POSITIVE_INFINITY;
  #fault: StrataError | null = null;
  /** Rejects with the fault, if one comes. */
  readonly failed: Promise<never>;
  #rejectFailed: (fault: StrataError) => void = () => undefined;
  #restarting: NodeJS.Timeout | null = null;
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#sources = new Map(options.sources.map((source) => [keyOf(source.topic, source.partition), source]));
    this.#fetchedAtMs = options.nowMs();
    this.failed = new Promise((_, reject) => {
      this.#rejectFailed = reject;
    });
    // Whoever asks hears of it.
    this.failed.catch(() => undefined);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#begin();
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

  /** Reads on what was full and is not any more, and begins again where nothing is answered. */
  #tick(): void {
    if (this.#options.nowMs() > this.#dueMs) this.#restart('no broker answers');
    for (const source of this.#paused) if (source.next() !== null) this.#position(source);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    if (this.#restarting !== null) clearTimeout(this.#restarting);
    await this.#consumer?.disconnect().catch(() => undefined);
  }

  async #start(): Promise<void> {
    const { kafka, groupPrefix, nowMs } = this.#options;
    const { AssignerProtocol } = await import('kafkajs');
    if (this.#isClosed) return;
    const consumer = kafka.consumer({
      groupId: `${groupPrefix}${randomBytes(8).toString('hex')}`,
      partitionAssigners: [everything(AssignerProtocol)],
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES_MAX,
      maxBytesPerPartition: PARTITION_BYTES_MAX,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      metadataMaxAge: METADATA_MS,
      retry: RETRY,
    });
    this.#consumer = consumer;
    this.#dueMs = nowMs() + JOIN_MS;
    const isCurrent = () => this.#consumer === consumer && !this.#isClosed;
    const { FETCH, GROUP_JOIN, CRASH } = consumer.events;
    consumer.on(FETCH, () => {
      if (!isCurrent()) return;
      this.#fetchedAtMs = nowMs();
      this.#dueMs = this.#fetchedAtMs + SILENT_MS;
    });
    // A consumer that joined knows no positions any more.
    consumer.on(GROUP_JOIN, () => {
      if (isCurrent()) this.reposition();
    });
    consumer.on(CRASH, ({ payload }) => {
      if (isCurrent()) this.#restart(payload.error.message);
    });
    await consumer.connect();
    // It was given up while it connected.
    if (!isCurrent()) {
      await consumer.disconnect();
      return;
    }
    const topics = [...new Set(this.#options.sources.map(({ topic }) => topic))];
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: this.#sources.size,
      eachBatch: async ({ batch }) => {
        if (isCurrent()) this.#read(batch);
      },
    });
  }

  #restart(why: string): void {
    if (this.#isClosed || this.#restarting !== null) return;
    this.#options.report(`reading from Kafka begins again: ${why}`);
    const given = this.#consumer;
    this.#consumer = null;
    // It may wait for a broker that is gone.
    void given?.disconnect().catch(() => undefined);
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#restarting = setTimeout(() => {
      this.#restarting = null;
      this.#begin();
    }, RESTART_MS);
  }

  #begin(): void {
    this.#start().catch((error) => this.#restart(String(error)));
  }

  #read(batch: Batch): void {
    const source = this.#sources.get(keyOf(batch.topic, batch.partition));
    const next = source?.next() ?? null;
    if (source === undefined || next === null || this.#fault !== null || this.#isClosed) return;
    const end = Number(batch.highWatermark);
    if (end < next) {
      this.#endsBefore(source, next, end);
      return;
    }
    this.#lost.delete(source);
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
      source.read(records, end);
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

  /** What was read is not on Kafka any more: the topic was made again, or its brokers lost what they had acknowledged. */
  #endsBefore(source: Source, next: number, end: number): void {
    const nowMs = this.#options.nowMs();
    const known = this.#lost.get(source);
    const sinceMs = known !== undefined && nowMs - known.seenMs < LOST_SEEN_MS ? known.sinceMs : nowMs;
    this.#lost.set(source, { sinceMs, seenMs: nowMs });
    if (nowMs - sinceMs < LOST_MS) {
      this.#position(source);
      return;
    }
    const where = `${source.topic}/${source.partition}`;
    const why = `${where} ends at ${end}, and was read up to ${next}`;
    this.#fail(errors.error('engine.misconfigured', `Kafka has lost what the log had: ${why}`));
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

function keyOf(topic: string, partition: number): string {
  return `${partition}/${topic}`;
}
