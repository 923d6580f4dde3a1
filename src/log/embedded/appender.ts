import { setImmediate } from 'node:timers/promises';
import type { Appended, Batch, NotAppended, RecordedWrite, Write } from '#log/event-log.ts';
import { errors, type StrataError } from '../../errors.ts';
import type { AppendBatch } from './append-batch.ts';
import { Enqueuer, type EnqueuerOptions, refused } from './enqueuer.ts';
import { type SegmentWriter, writeError } from './segment-writer.ts';

const PARTITION = 0;
/** How soon an unwritable log is tried again when no append asks for it. */
const REPAIR_INTERVAL_MS = 1000;

type Results = readonly (Appended | NotAppended)[];

export type AppenderOptions = EnqueuerOptions & {
  readonly writer: SegmentWriter;
  /** True when a write is on the disk itself before it counts. */
  readonly synced: boolean;
  readonly endsWithMark: boolean;
  /** Told of every batch once it counts, before its callers are answered. */
  readonly onBatch: (batch: Batch, sizeBytes: number) => void;
  readonly report: (message: string) => void;
};

/**
 * Writes what is enqueued, one batch to the disk at a time: what callers append in one turn of the event loop, and while a
 * write is under way, becomes the next one. Every caller is answered after the sync of what the answer rests on.
 */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #enqueuer: Enqueuer;
  /** Counts as synced: read, subscribed to, answered. */
  #head: number;
  /** What is known to be on the disk itself: the head, but for `durability=os`. */
  #onDisk: number;
  #endsWithMark: boolean;
  #inFlight: AppendBatch | null = null;
  #isRunning = false;
  #isClosing = false;
  #fault: StrataError | null = null;
  #repairTimer: NodeJS.Timeout | null = null;
  #isRepairDue = false;
  #syncCalls: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#enqueuer = new Enqueuer(options);
    this.#head = options.head;
    this.#onDisk = options.head;
    this.#endsWithMark = options.endsWithMark;
  }

  get head(): number {
    return this.#head;
  }

  /** Why the log takes no writes now, or `null`. */
  get fault(): StrataError | null {
    return this.#fault;
  }

  /** The offset that the next event gets. */
  get nextOffset(): number {
    return this.#enqueuer.nextOffset;
  }

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.#enqueuer.pending.groups.lengthBytes;
  }

  /** True while a write of this key in this stream is enqueued and not settled. */
  isKeyEnqueued(stream: string, key: string): boolean {
    const name = key + stream;
    return this.#enqueuer.pending.keys.has(name) || this.#inFlight?.keys.has(name) === true;
  }

  append(writes: readonly Write[]): Promise<Results> {
    const results = new Array<Appended | NotAppended>(writes.length);
    for (let at = 0; at < writes.length; at += 1) {
      results[at] = this.#isClosing ? refused(closed()) : this.#enqueuer.add(writes[at]!);
    }
    return this.answer(results);
  }

  /** Enqueues a write of another log; `answer` tells what became of it. */
  addRecorded(write: RecordedWrite): Appended | NotAppended {
    return this.#isClosing ? refused(closed()) : this.#enqueuer.addRecorded(write);
  }

  /** Resolves with the results once all that is enqueued so far is settled. */
  answer(results: Results): Promise<Results> {
    const settled = this.#enqueuer.pending.call(results);
    this.#run();
    return settled;
  }

  async settled(): Promise<void> {
    if (this.#isRunning) await this.answer([]);
  }

  /** Resolves when all that counts as synced now is on the disk itself. */
  async durable(): Promise<void> {
    if (this.#onDisk >= this.#head) return;
    await new Promise<void>((resolve, reject) => {
      this.#syncCalls.push({ resolve, reject });
      this.#run();
    });
  }

  /** Takes no more, settles what is enqueued, and marks the end. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.settled();
    if (this.#repairTimer !== null) clearTimeout(this.#repairTimer);
    if (this.#options.writer.isBroken || this.#endsWithMark) return;
    try {
      await this.#mark();
    } catch (error) {
      this.#options.report(`the log could not be marked as closed, so the next start checks more of it: ${error}`);
    }
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#drive();
  }

  async #drive(): Promise<void> {
    do {
      // A turn of the event loop: everyone who was just answered, or who comes in meanwhile, shares the next write.
      await setImmediate();
      // The index may wait for this before it makes room.
      if (this.#syncCalls.length > 0) await this.#sync();
      await this.#options.index.room();
      const batch = this.#enqueuer.take();
      this.#inFlight = batch;
      await this.#settle(batch);
      this.#inFlight = null;
      this.#enqueuer.giveBack(batch);
    } while (this.#enqueuer.pending.hasCalls || this.#syncCalls.length > 0 || this.#isRepairDue);
    this.#isRunning = false;
  }

  /** Writes the batch and answers its callers; with nothing to write, what came before has been settled already. */
  async #settle(batch: AppendBatch): Promise<void> {
    const { writer } = this.#options;
    if (writer.isBroken && (batch.writes.length > 0 || this.#isRepairDue)) await this.#repair(this.#fault);
    if (batch.writes.length === 0) return batch.answer();
    if (writer.isBroken) return this.#fail(batch, this.#fault!, true);
    try {
      await writer.write(batch.groups, this.#onDisk);
    } catch (cause) {
      const isCertain = await this.#repair(cause);
      return this.#fail(batch, writeError(cause), isCertain);
    }
    this.#commit(batch);
  }

  #commit(batch: AppendBatch): void {
    const { index, synced, onBatch } = this.#options;
    const after = this.#head;
    this.#head += batch.events.length;
    if (synced) this.#onDisk = this.#head;
    this.#endsWithMark = false;
    for (const { tail, events } of batch.writes) index.synced(tail, events);
    onBatch({ partition: PARTITION, after, to: this.#head, events: batch.events }, batch.groups.lengthBytes);
    batch.answer();
  }

  /** Nothing of the batch is in the log, nor what was enqueued after it: all of it rests on the batch. */
  #fail(batch: AppendBatch, error: StrataError, isCertain: boolean): void {
    const { pending } = this.#enqueuer;
    this.#enqueuer.rollBack(batch, this.#head);
    const unknown = errors.error('command.outcome-unknown', 'the log could not tell what became of the write', {
      cause: error,
    });
    batch.answer((result) => refused(isCertain || !result.ok ? error : unknown));
    pending.answer(() => refused(error));
    pending.clear();
  }

  /** Tries to make the log writable after a failure. True when what failed is certainly not in the log. */
  async #repair(cause: unknown): Promise<boolean> {
    this.#isRepairDue = false;
    this.#fault ??= writeError(cause);
    const failure = await this.#options.writer.repair(cause);
    this.#fault = failure === null ? null : failure.error;
    if (failure !== null && !this.#isClosing)
      this.#repairTimer ??= setTimeout(this.#repairLater, REPAIR_INTERVAL_MS).unref();
    return failure === null || failure.isCertain;
  }

  readonly #repairLater = (): void => {
    this.#repairTimer = null;
    this.#isRepairDue = !this.#isClosing && this.#fault !== null;
    if (this.#isRepairDue) this.#run();
  };

  async #sync(): Promise<void> {
    const { writer, report } = this.#options;
    const calls = this.#syncCalls;
    this.#syncCalls = [];
    const head = this.#head;
    try {
      // After a failed sync, one that succeeds proves nothing.
      if (writer.isBroken) throw this.#fault;
      await writer.sync();
      this.#onDisk = head;
      for (const { resolve } of calls) resolve();
    } catch (error) {
      report(`the log could not be synced: what was written after ${this.#onDisk} may be lost: ${error}`);
      await this.#repair(error);
      for (const { reject } of calls) reject(error);
    }
  }

  async #mark(): Promise<void> {
    const { writer, synced } = this.#options;
    if (!synced) await writer.sync();
    this.#onDisk = this.#head;
    const { groups } = this.#enqueuer.pending;
    groups.addEndMark(this.#head, this.#enqueuer.lastRecordedAt);
    await writer.write(groups, this.#onDisk);
    if (!synced) await writer.sync();
  }
}

function closed(): StrataError {
  return errors.error('log.closed', 'the log is closed');
}
