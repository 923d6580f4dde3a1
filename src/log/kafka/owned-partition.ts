import { setImmediate } from 'node:timers/promises';
import { assert } from '../../assert.ts';
import { errors, type StrataError } from '../../errors.ts';
import type { EnqueuedWrite } from './enqueued-write.ts';
import type { KafkaRecord } from './record.ts';
import { SendQueue } from './send-queue.ts';

/** What was sent and is not read back after this long is sent again. */
const RESEND_MS = 3000;
/** When the caller hears that the outcome is not known: longer than Kafka takes to give a partition another leader. */
export const OUTCOME_MS = 20_000;

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
 * A partition in the hands of this member, from its `PartitionOwned` to the end of that: writes are sent in order, one send at
 * a time, and sent again, the same, until they are read back. So each counts once, if this member is still the owner, whatever
 * was lost, delayed or doubled on the way.
 */
export class OwnedPartition {
  readonly partition: number;
  readonly owner: number;
  readonly #options: OwnedPartitionOptions;
  readonly #queue = new SendQueue();
  /** Read back, and not in the replica yet. */
  #unplaced = 0;
  #sentAtMs = 0;
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
    if (!this.#queue.isFull) return null;
    return errors.error('server.busy', 'too much waits to be written', { retryAfterSeconds: 1 });
  }

  /** How many writes were sent and not read back; none while it is not known whether they come. */
  get coming(): number {
    return this.#state === 'open' && !this.#mustWait ? this.#queue.everSent : 0;
  }

  /** The last revision by what is queued; `null` where nothing of the stream is. */
  lastRevision(stream: string): number | null {
    return this.#queue.lastRevision(stream);
  }

  enqueue(write: EnqueuedWrite): void {
    assert(this.#state === 'open', 'writes are handed over to an owner');
    this.#queue.push(write);
    this.#run();
  }

  /** A write of this owner was read and counts, whose first event has the id; `null` where it had been given up. */
  counted(eventId: string): EnqueuedWrite | null {
    const write = this.#queue.remove(eventId);
    if (write === null) return null;
    this.#unplaced += 1;
    write.onPlaced = this.#onPlaced;
    return write;
  }

  /** Looks after what is overdue. Called a few times a second. */
  tick(): void {
    const { sinceMs } = this.#queue;
    if (sinceMs === null) return;
    const nowMs = this.#options.nowMs();
    if (nowMs - sinceMs > OUTCOME_MS) {
      this.#giveUp();
      return;
    }
    this.#mustWait = false;
    if (!this.#isSending && nowMs - this.#sentAtMs > RESEND_MS) this.#queue.sendAgain();
    this.#run();
  }

  /** Takes and sends no more: what was not sent is refused, what was sent is still read back. */
  letGo(): void {
    if (this.#state !== 'open') return;
    this.#state = 'let go';
    this.#queue.fail(moving(this.partition), this.#queue.everSent);
  }

  /** Another owner has come: what does not count by now never will. */
  lost(): void {
    this.#state = 'ended';
    this.#queue.fail(moving(this.partition), 0);
  }

  /** Whether what was sent counts can only be told by the next owner's record. */
  #giveUp(): void {
    this.#state = 'ended';
    this.#queue.fail(moving(this.partition), this.#queue.everSent);
    this.#queue.fail(outcomeUnknown(), 0);
  }

  readonly #onPlaced = (): void => {
    this.#unplaced -= 1;
    if (this.#unplaced === 0) this.#run();
  };

  #run(): void {
    if (this.#isSending || !this.#maySend) return;
    this.#isSending = true;
    void this.#drive();
  }

  /** The next send waits until the last one has its places, unless it is full: so it takes more, and Kafka has less to do. */
  get #maySend(): boolean {
    const { length, sent, hasFullSend } = this.#queue;
    if (this.#state !== 'open' || this.#mustWait || sent === length) return false;
    return (sent === 0 && this.#unplaced === 0) || hasFullSend;
  }

  async #drive(): Promise<void> {
    // What comes in the same turn of the event loop goes with it.
    await setImmediate();
    while (this.#maySend) {
      this.#sentAtMs = this.#options.nowMs();
      try {
        const sent = this.#options.send(this.#queue.take());
        this.#options.onSend();
        await sent;
        this.#sentAtMs = this.#options.nowMs();
      } catch {
        // The sender reports it. All that was not read back is sent again, in order, when the next tick allows it.
        this.#queue.sendAgain();
        this.#mustWait = true;
      }
    }
    this.#isSending = false;
  }
}

export function moving(partition: number): StrataError {
  return errors.error('partition.moving', `partition ${partition} has no owner here`, { retryAfterSeconds: 1 });
}

export function outcomeUnknown(): StrataError {
  return errors.error('command.outcome-unknown', 'Kafka did not tell in time what became of the write');
}
