import { setImmediate } from 'node:timers/promises';
import type { OrderRule } from './order-rule.ts';
import { encodeOrder, type KafkaRecord, type Run } from './record.ts';

/** How long writes wait for the order of the member that leads before another member gives it. */
const FOLLOWER_MS = 500;
/** What was sent and is not read back after this long is sent again. */
const RESEND_MS = 2000;

export type OrdererOptions = {
  readonly rule: OrderRule;
  readonly seed: number;
  /** Sends a record to the order; rejects where what became of it is not known. */
  readonly send: (records: readonly KafkaRecord[]) => Promise<void>;
  /** True on the member that orders at once: one at a time is enough, and more than one does no harm. */
  readonly isLeading: () => boolean;
  readonly partitions: number;
  /** What this member has sent to a partition and not read back, and its owner number there; `null` where it is not the owner. */
  readonly coming: (partition: number) => { readonly owner: number; readonly writes: number } | null;
  /** The monotonic clock, in ms. */
  readonly nowMs: () => number;
};

/**
 * Gives places in the order to writes that count, one record at a time: the next is sent when the last was read back. Nothing
 * rests on who sends it, because a record counts only where the order ends.
 */
export class Orderer {
  readonly #options: OrdererOptions;
  /** Where the order ended when a record was sent that goes on there; `null` when none is on its way. */
  #sentFrom: number | null = null;
  #sentAtMs = 0;
  #isSending = false;
  /** Since when writes wait while the order does not go on. */
  #waiting: { readonly length: number; readonly sinceMs: number } | null = null;
  #isClosed = false;

  constructor(options: OrdererOptions) {
    this.#options = options;
  }

  /** Looks whether something has no place yet. Called after reading, and a few times a second. */
  tick(): void {
    const { rule, isLeading, nowMs } = this.#options;
    if (this.#isClosed || this.#isSending) return;
    if (this.#runs().length === 0) {
      this.#waiting = null;
      return;
    }
    if (this.#waiting?.length !== rule.length) this.#waiting = { length: rule.length, sinceMs: nowMs() };
    if (!isLeading() && nowMs() - this.#waiting.sinceMs < FOLLOWER_MS) return;
    if (this.#sentFrom === rule.length && nowMs() - this.#sentAtMs < RESEND_MS) return;
    this.#isSending = true;
    void this.#send();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #send(): Promise<void> {
    const { rule, seed, send, nowMs } = this.#options;
    // What is read in the same turn of the event loop gets its place with it.
    await setImmediate();
    const { length } = rule;
    const runs = this.#runs();
    try {
      if (runs.length > 0) await send([encodeOrder(length, runs, seed)]);
      this.#sentFrom = length;
      this.#sentAtMs = nowMs();
    } catch {
      // The sender reports it; the next tick tries again.
      this.#sentFrom = null;
      this.#isSending = false;
      return;
    }
    this.#isSending = false;
    if (rule.length !== length) this.tick();
  }

  /** Places for what waits; on the member that leads also for what it has just sent, so that they come in together. */
  #runs(): Run[] {
    const { rule, partitions, coming, isLeading } = this.#options;
    const runs: Run[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      const own = isLeading() ? coming(partition) : null;
      const missing = rule.missing(partition, own?.writes ?? 0);
      if (missing.waiting > 0) runs.push([partition, missing.waiting, null]);
      if (own !== null && missing.coming > 0) runs.push([partition, missing.coming, own.owner]);
    }
    return runs;
  }
}
