import { setImmediate } from 'node:timers/promises';
import type { Batch } from '#log/event-log.ts';

/**
 * Events kept for subscribers that are nearly up to date; those further behind read the files. Few, because what is kept
 * outlives the garbage collector's young generation: 16,000 cost a third of the throughput of appending.
 */
const KEPT_EVENTS_MAX = 2048;
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** Some of the synced events in (after, to], from the files; not none. */
type ReadBatch = (after: number, to: number) => Batch;

/**
 * The last synced batches, once for all subscribers: each takes what comes after its own offset, from here or, when it is
 * slow, from the files. So nothing is buffered for anyone, and none can miss or repeat an event.
 */
export class LiveTail {
  readonly #read: ReadBatch;
  /** The last synced offset. */
  #head: number;
  readonly #batches: Batch[] = [];
  /** How many bytes each batch has in the log. */
  readonly #sizes: number[] = [];
  #kept = 0;
  #keptBytes = 0;
  #subscribers = 0;
  #waiting = new Set<() => void>();
  #closed = false;

  constructor(head: number, read: ReadBatch) {
    this.#head = head;
    this.#read = read;
  }

  push(batch: Batch, sizeBytes: number): void {
    this.#head = batch.to;
    if (this.#subscribers === 0) return;
    this.#batches.push(batch);
    this.#sizes.push(sizeBytes);
    this.#kept += batch.events.length;
    this.#keptBytes += sizeBytes;
    while ((this.#kept > KEPT_EVENTS_MAX || this.#keptBytes > KEPT_BYTES_MAX) && this.#batches.length > 1) {
      this.#kept -= this.#batches.shift()!.events.length;
      this.#keptBytes -= this.#sizes.shift()!;
    }
    this.#wake();
  }

  /** Ends all subscriptions. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Batches after the offset. Ends at the close, and at once when the subscriber returns, also while it waits. */
  follow(after: number): AsyncIterable<Batch> {
    return { [Symbol.asyncIterator]: () => this.#iterator(after) };
  }

  #iterator(after: number): AsyncIterator<Batch> {
    const ended: IteratorReturnResult<undefined> = { done: true, value: undefined };
    let offset = after;
    let hasReturned = false;
    this.#subscribers += 1;
    let wake: (() => void) | null = null;
    return {
      next: async () => {
        while (!hasReturned && !this.#closed) {
          if (offset < this.#head) {
            const kept = this.#after(offset);
            // A subscriber that catches up must not keep the event loop to itself.
            if (kept === null) await setImmediate();
            if (hasReturned || this.#closed) break;
            const batch = kept ?? this.#read(offset, this.#head);
            offset = batch.to;
            return { done: false, value: batch };
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
            this.#waiting.add(resolve);
          });
        }
        return ended;
      },
      return: async () => {
        if (!hasReturned) this.#leave();
        hasReturned = true;
        if (wake !== null) {
          this.#waiting.delete(wake);
          wake();
        }
        return ended;
      },
    };
  }

  #leave(): void {
    this.#subscribers -= 1;
    if (this.#subscribers > 0) return;
    this.#batches.length = 0;
    this.#kept = 0;
  }

  /** The batch that goes on after the offset, or `null` where it is not kept any more. */
  #after(offset: number): Batch | null {
    let [low, high] = [0, this.#batches.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#batches[middle]!.to <= offset) low = middle + 1;
      else high = middle;
    }
    const batch = this.#batches[low];
    if (batch === undefined || offset < batch.after || offset >= batch.to) return null;
    if (batch.after === offset) return batch;
    return { ...batch, after: offset, events: batch.events.slice(offset - batch.after) };
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }
}
