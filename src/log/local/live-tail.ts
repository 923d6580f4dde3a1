import type { RecordedEvent } from '#events/event.ts';
import type { Batch } from '../event-log.ts';

/** Events kept for subscribers that are nearly up to date; others read the files. */
const KEPT_EVENTS_MAX = 32_768;

/** What a subscriber reads when it is far behind. */
export type FollowedLog = {
  readonly synced: () => number;
  /** A batch from the files, of events after the offset. */
  readonly read: (after: number) => Batch;
};

/** The last synced batches, and who waits for the next one. */
export class LiveTail {
  #batches: Batch[] = [];
  #kept = 0;
  #waiting: (() => void)[] = [];
  #closed = false;

  push(events: readonly RecordedEvent[]): void {
    const after = events[0]!.offset - 1;
    this.#batches.push({ partition: 0, after, to: after + events.length, events });
    this.#kept += events.length;
    while (this.#kept > KEPT_EVENTS_MAX && this.#batches.length > 1) this.#kept -= this.#batches.shift()!.events.length;
    this.#wake();
  }

  /** The batch with the events after the offset, or `null` where it is not kept. */
  after(offset: number): Batch | null {
    let low = 0;
    let high = this.#batches.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#batches[middle]!.to <= offset) low = middle + 1;
      else high = middle;
    }
    const batch = this.#batches[low];
    if (batch === undefined || offset < batch.after || offset >= batch.to) return null;
    if (batch.after === offset) return batch;
    return { ...batch, after: offset, events: batch.events.slice(offset - batch.after) };
  }

  /**
   * Batches after the offset for one subscriber: from the files while it is behind, then as they come. Ends at the close,
   * and at once when the subscriber returns, also while it waits.
   */
  follow(after: number, log: FollowedLog): AsyncIterable<Batch> {
    return {
      [Symbol.asyncIterator]: () => {
        let done = after;
        let ended = false;
        return {
          next: async () => {
            while (!ended && !this.#closed) {
              if (done < log.synced()) {
                const batch = this.after(done) ?? log.read(done);
                done = batch.to;
                return { done: false, value: batch };
              }
              await new Promise<void>((resolve) => this.#waiting.push(resolve));
            }
            return { done: true, value: undefined };
          },
          return: async () => {
            ended = true;
            this.#wake();
            return { done: true, value: undefined };
          },
        };
      },
    };
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
