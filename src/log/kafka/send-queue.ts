import type { StrataError } from '../../errors.ts';
import type { EnqueuedWrite } from './enqueued-write.ts';
import type { KafkaRecord } from './record.ts';

/** One send has at most so much. */
const SENT_WRITES_MAX = 1000;
const SENT_BYTES_MAX = 512 * 1024;
/** What may wait in a partition. */
const QUEUED_WRITES_MAX = 20_000;
const QUEUED_BYTES_MAX = 32 * 1024 * 1024;

/** Writes of one owner that were handed over and not read back, in order; those that were sent are the first. */
export class SendQueue {
  readonly #writes: EnqueuedWrite[] = [];
  #sizeBytes = 0;
  /** How many are not to be sent again for now, and how many may be on Kafka. */
  #sent = 0;
  #everSent = 0;
  /** Last revisions of the streams here, and how many writes each has. */
  readonly #streams = new Map<string, { revision: number; writes: number }>();

  get length(): number {
    return this.#writes.length;
  }

  get sent(): number {
    return this.#sent;
  }

  get everSent(): number {
    return this.#everSent;
  }

  get isFull(): boolean {
    return this.#writes.length >= QUEUED_WRITES_MAX || this.#sizeBytes >= QUEUED_BYTES_MAX;
  }

  /** True when what was not sent is as much as one send takes. */
  get hasFullSend(): boolean {
    return this.#writes.length - this.#sent >= SENT_WRITES_MAX;
  }

  /** Since when the first one waits, by the monotonic clock; `null` for an empty queue. */
  get sinceMs(): number | null {
    return this.#writes[0]?.sinceMs ?? null;
  }

  /** `null` where nothing of the stream is here. */
  lastRevision(stream: string): number | null {
    return this.#streams.get(stream)?.revision ?? null;
  }

  push(write: EnqueuedWrite): void {
    this.#writes.push(write);
    this.#sizeBytes += write.sizeBytes;
    const stream = this.#streams.get(write.stream);
    if (stream === undefined) this.#streams.set(write.stream, { revision: write.lastRevision, writes: 1 });
    else {
      stream.revision = write.lastRevision;
      stream.writes += 1;
    }
  }

  /** The next records to send. */
  take(): KafkaRecord[] {
    const records: KafkaRecord[] = [];
    let sizeBytes = 0;
    while (this.#sent < this.#writes.length && records.length < SENT_WRITES_MAX && sizeBytes < SENT_BYTES_MAX) {
      const write = this.#writes[this.#sent]!;
      records.push(write.record);
      sizeBytes += write.sizeBytes;
      this.#sent += 1;
    }
    this.#everSent = Math.max(this.#everSent, this.#sent);
    return records;
  }

  /** All that is here is to be sent again. */
  sendAgain(): void {
    this.#sent = 0;
  }

  /**
   * Removes the write whose first event has the id; `null`: it is not here. It is nearly always the first: where Kafka
   * lost a send that it had acknowledged, writes to other streams overtake it.
   */
  remove(eventId: string): EnqueuedWrite | null {
    const at = this.#writes.findIndex(({ events }) => events[0]!.id === eventId);
    if (at === -1) return null;
    const write = this.#writes[at]!;
    if (at === 0) this.#writes.shift();
    else this.#writes.splice(at, 1);
    if (at < this.#sent) this.#sent -= 1;
    if (at < this.#everSent) this.#everSent -= 1;
    this.#forget(write);
    return write;
  }

  /** Fails the last ones, down to so many. */
  fail(error: StrataError, left: number): void {
    while (this.#writes.length > left) {
      const write = this.#writes.pop()!;
      this.#forget(write);
      write.failed(error);
    }
    this.#sent = Math.min(this.#sent, left);
    this.#everSent = Math.min(this.#everSent, left);
  }

  #forget(write: EnqueuedWrite): void {
    this.#sizeBytes -= write.sizeBytes;
    const stream = this.#streams.get(write.stream)!;
    stream.writes -= 1;
    if (stream.writes === 0) this.#streams.delete(write.stream);
  }
}
