import type { Appended, EventLog, NotAppended, Write } from '#log/event-log.ts';
import { errors } from '../errors.ts';
import type { AppendCounts } from './append-counts.ts';

/** Writes handed to the log at once at most. */
const BATCH_WRITES_MAX = 4096;
/** Above this lag of the projections, writes are held back a little, so that reads never fall far behind. */
const LAG_ALLOWED_MS = 1000;
const HOLD_BACK_MS_MAX = 200;

export type Settled = (result: Appended | NotAppended) => void;

/**
 * What commands enqueue in one turn of the event loop, handed to the log as one batch; and answers that wait, with it,
 * for the sync of what they rest on.
 */
export class AppendQueue {
  readonly #log: EventLog;
  readonly #lagMs: () => number;
  readonly #forget: (stream: string) => void;
  readonly #counts: AppendCounts | undefined;
  #writes: Write[] = [];
  #settled: Settled[] = [];
  #after: (() => void)[] = [];
  #scheduled = false;
  #unsynced = 0;

  /** `forget` is told of every stream whose write failed, before anything is answered. */
  constructor(log: EventLog, lagMs: () => number, forget: (stream: string) => void, counts?: AppendCounts) {
    this.#log = log;
    this.#lagMs = lagMs;
    this.#forget = forget;
    this.#counts = counts;
  }

  push(write: Write, settled: Settled): void {
    this.#writes.push(write);
    this.#settled.push(settled);
    if (this.#writes.length >= BATCH_WRITES_MAX) this.#flush();
    else this.#schedule();
  }

  /** Calls back once all that is enqueued is synced or has failed: at once when nothing is. */
  afterSync(callback: () => void): void {
    if (this.#unsynced === 0 && this.#writes.length === 0) {
      callback();
      return;
    }
    this.#after.push(callback);
    this.#schedule();
  }

  /** True while a write to the stream has not been handed to the log: few are, and not for long. */
  holds(stream: string): boolean {
    return this.#writes.some((write) => write.stream === stream);
  }

  /** True while a write to the stream may not be synced yet. */
  isUnsettled(stream: string): boolean {
    return this.#unsynced > 0 || this.holds(stream);
  }

  /** Resolves once all that is enqueued is synced or has failed. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.afterSync(resolve));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    scheduleFlush(this.#lagMs(), this.#flush);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    if (this.#writes.length === 0 && this.#after.length === 0) return;
    const batch = { writes: this.#writes, settled: this.#settled, after: this.#after };
    this.#writes = [];
    this.#settled = [];
    this.#after = [];
    this.#unsynced += 1;
    void this.#append(batch.writes).then((results) => {
      this.#unsynced -= 1;
      this.#forgetFailed(batch.writes, results);
      for (let at = 0; at < results.length; at += 1) batch.settled[at]!(results[at]!);
      for (const callback of batch.after) callback();
    });
  };

  async #append(writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]> {
    if (writes.length === 0) {
      await this.#log.settled();
      return [];
    }
    const startedMs = performance.now();
    try {
      const results = await this.#log.append(writes);
      this.#counts?.settled(results, performance.now() - startedMs);
      return results;
    } catch (cause) {
      const error = errors.error('command.outcome-unknown', 'the log did not say what became of the write', { cause });
      return writes.map(() => ({ ok: false, error }));
    }
  }

  #forgetFailed(writes: readonly Write[], results: readonly (Appended | NotAppended)[]): void {
    const failed = writes.filter((_, at) => results[at]?.ok !== true);
    for (const { stream } of failed) this.#forget(stream);
  }
}

/** At the end of this turn; later where the projections lag. */
export function scheduleFlush(lagMs: number, flush: () => void): void {
  if (lagMs <= LAG_ALLOWED_MS) setImmediate(flush);
  else setTimeout(flush, Math.min(HOLD_BACK_MS_MAX, lagMs / 20));
}
