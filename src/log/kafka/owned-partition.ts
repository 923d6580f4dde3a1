import { setImmediate } from 'node:timers/promises';
import { assert } from '../../assert.ts';
import { errors, type StrataError } from '../../errors.ts';
import type { EnqueuedWrite } from './enqueued-write.ts';
import type { KafkaRecord } from './record.ts';

/** One send has at most so much. */
const SENT_WRITES_MAX = 1000;
const SENT_BYTES_MAX = 512 * 1024;
/** What may wait in a partition; beyond it, `server.busy`. */
const QUEUED_WRITES_MAX = 20_000;
const QUEUED_BYTES_MAX = 32 * 1024 * 1024;
/** What was sent and is not read back after this long is sent again. */
const RESEND_MS = 3000;
/** When the caller hears that the outcome is not known: longer than Kafka takes to give a partition another leader. */
const OUTCOME_MS = 20_000;

export type OwnedPartitionOptions = {
  readonly partition: number;
  /** The owner number of this member now. */
  readonly owner: number;
  /** Sends records to the partition, in order; rejects where what became of them is not known. One call at a time. */
  readonly send: (records: readonly KafkaRecord[]) => Promise<void>;
  /** Called when records are on their way. */
  readonly onSend: () => void;
  /** The monotonic clock, in ms. */
  readonly nowMs: () => number;
};

/**
 * A partition in the hands of this member, from its `PartitionOwned` to the end of that: writes are given their revisions
 * here, sent in order, one send at a time, and sent again, the same, until they are read back. So each counts once, if this
 * member is still the owner, whatever was lost, delayed or doubled on the way.
 */
export class OwnedPartition {
  readonly partition: number;
  readonly owner: number;
  readonly #options: OwnedPartitionOptions;
  /** Handed over and not read back; the first `#sent` of them were sent. */
  readonly #queue: EnqueuedWrite[] = [];
  #sent = 0;
  /** How many of the queue may be on Kafka. */
  #sentEver = 0;
  #sentAtMs = 0;
  #queuedBytes = 0;
  /** Last revisions of the streams in the queue, and how many of its writes each has. */
  readonly #streams = new Map<string, { revision: number; writes: number }>();
  #isSending = false;
  #mustWait = false;
  #state: 'open' | 'let go' | 'ended' = 'open';

  constructor(options: OwnedPartitionOptions) {
    this.#options = options;
    this.partition = options.partition;
    this.owner = options.owner;
  }

  /** True while writes may be handed over. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** True once nothing of it can come back. */
  get isDone(): boolean {
    return this.#state !== 'open' && this.#queue.length === 0;
  }

  /** Why no further write is taken now, or `null`. */
  get refusal(): StrataError | null {
    if (this.#state !== 'open') return moving(this.partition);
    if (this.#queue.length < QUEUED_WRITES_MAX && this.#queuedBytes < QUEUED_BYTES_MAX) return null;
    return errors.error('server.busy', 'too much waits to be written', { retryAfterSeconds: 1 });
  }

  /** How many writes were sent and not read back; none while it is not known whether they come. */
  get coming(): number {
    return this.#state === 'open' && !this.#mustWait ? this.#sentEver : 0;
  }

  /** The last revision by what is queued; `null` where nothing of the stream is. */
  lastRevision(stream: string): number | null {
    return this.#streams.get(stream)?.revision ?? null;
  }

  enqueue(write: EnqueuedWrite): void {
    assert(this.#state === 'open', 'writes are handed over to an owner');
    this.#queue.push(write);
    this.#queuedBytes += write.sizeBytes;
    const stream = this.#streams.get(write.stream);
    if (stream === undefined) this.#streams.set(write.stream, { revision: write.lastRevision, writes: 1 });
    else {
      stream.revision = write.lastRevision;
      stream.writes += 1;
    }
    this.#run();
  }

  /**
   * A write of this owner was read and counts, whose first event has the id: that of the queue, unless it had been given up. It is
   * nearly always the first; where Kafka lost a send that it had acknowledged, writes to other streams overtake it.
   */
  counted(eventId: string): EnqueuedWrite | null {
    const at = this.#queue.findIndex(({ events }) => events[0]!.id === eventId);
    if (at === -1) return null;
    const write = this.#queue[at]!;
    if (at === 0) this.#queue.shift();
    else this.#queue.splice(at, 1);
    if (at < this.#sent) this.#sent -= 1;
    if (at < this.#sentEver) this.#sentEver -= 1;
    this.#forget(write);
    return write;
  }

  /** Looks after what is overdue. Called a few times a second. */
  tick(): void {
    const first = this.#queue[0];
    if (first === undefined) return;
    const nowMs = this.#options.nowMs();
    if (nowMs - first.sinceMs > OUTCOME_MS) {
      this.#giveUp();
      return;
    }
    this.#mustWait = false;
    if (!this.#isSending && this.#sent > 0 && nowMs - this.#sentAtMs > RESEND_MS) this.#sent = 0;
    this.#run();
  }

  /** Takes and sends no more: what was not sent is refused, what was sent is still read back. */
  letGo(): void {
    if (this.#state !== 'open') return;
    this.#state = 'let go';
    while (this.#queue.length > this.#sentEver) this.#drop(moving(this.partition));
  }

  /** Another owner has come: what does not count by now never will. */
  lost(): void {
    this.#state = 'ended';
    while (this.#queue.length > 0) this.#drop(moving(this.partition));
  }

  /** Whether what was sent counts can only be told by the next owner's record. */
  #giveUp(): void {
    this.#state = 'ended';
    while (this.#queue.length > this.#sentEver) this.#drop(moving(this.partition));
    while (this.#queue.length > 0) this.#drop(outcomeUnknown());
  }

  #run(): void {
    if (this.#isSending || this.#mustWait || this.#state !== 'open' || this.#sent === this.#queue.length) return;
    this.#isSending = true;
    void this.#drive();
  }

  async #drive(): Promise<void> {
    // What comes in the same turn of the event loop goes with it.
    await setImmediate();
    while (this.#state === 'open' && this.#sent < this.#queue.length) {
      const records = this.#take();
      this.#sentAtMs = this.#options.nowMs();
      try {
        const sent = this.#options.send(records);
        this.#options.onSend();
        await sent;
        this.#sentAtMs = this.#options.nowMs();
      } catch {
        // The sender reports it. All that was not read back is sent again, in order, when the next tick allows it.
        this.#sent = 0;
        this.#mustWait = true;
        break;
      }
    }
    this.#isSending = false;
  }

  #take(): KafkaRecord[] {
    const records: KafkaRecord[] = [];
    let sizeBytes = 0;
    while (this.#sent < this.#queue.length && records.length < SENT_WRITES_MAX && sizeBytes < SENT_BYTES_MAX) {
      const { record } = this.#queue[this.#sent]!;
      records.push(record);
      sizeBytes += record.value.length;
      this.#sent += 1;
    }
    this.#sentEver = Math.max(this.#sentEver, this.#sent);
    return records;
  }

  #drop(error: StrataError): void {
    const write = this.#queue.pop()!;
    this.#sent = Math.min(this.#sent, this.#queue.length);
    this.#sentEver = Math.min(this.#sentEver, this.#queue.length);
    this.#forget(write);
    write.failed(error);
  }

  #forget(write: EnqueuedWrite): void {
    this.#queuedBytes -= write.sizeBytes;
    const stream = this.#streams.get(write.stream)!;
    stream.writes -= 1;
    if (stream.writes === 0) this.#streams.delete(write.stream);
  }
}

export function moving(partition: number): StrataError {
  return errors.error('partition.moving', `partition ${partition} has no owner here`, { retryAfterSeconds: 1 });
}

function outcomeUnknown(): StrataError {
  return errors.error('command.outcome-unknown', 'Kafka did not tell in time what became of the write');
}
