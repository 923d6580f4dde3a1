import type { Appended, EventLog, NotAppended, Write } from '#log/event-log.ts';
import { errors } from '../errors.ts';
import type { AppendCounts } from './append-counts.ts';
import { type AppendQueue, type Settled, scheduleFlush } from './append-queue.ts';

/** Writes handed to the log at once at most. */
const BATCH_WRITES_MAX = 4096;

type Item = { readonly number: number; readonly write: Write; readonly settled: Settled };
type After = { readonly upTo: number; readonly callback: () => void };

/**
 * As `AppendQueue`, for a log that other members write too. There a write may fail alone, and one that was decided on it
 * could find the revision that it names made by somebody else. So a write that names a revision waits while one of its
 * stream is in flight, and falls with those before it.
 */
export class SharedAppendQueue
  implements Pick<AppendQueue, 'push' | 'afterSync' | 'holds' | 'isUnsettled' | 'settled'>
{
  readonly #log: EventLog;
  readonly #lagMs: () => number;
  readonly #forget: (stream: string) => void;
  readonly #counts: AppendCounts | undefined;
  #waiting: Item[] = [];
  /** How many writes of a stream are in flight. */
  readonly #inFlight = new Map<string, number>();
  /** Numbers of the writes that are not settled, lowest first. */
  readonly #unsettled = new Set<number>();
  #after: After[] = [];
  #last = 0;
  #scheduled = false;

  /** `forget` is told of every stream whose write failed, before anything is answered. */
  constructor(log: EventLog, lagMs: () => number, forget: (stream: string) => void, counts?: AppendCounts) {
    this.#log = log;
    this.#lagMs = lagMs;
    this.#forget = forget;
    this.#counts = counts;
  }

  push(write: Write, settled: Settled): void {
    this.#last += 1;
    this.#unsettled.add(this.#last);
    this.#waiting.push({ number: this.#last, write, settled });
    this.#schedule();
  }

  afterSync(callback: () => void): void {
    if (this.#unsettled.size === 0) callback();
    else this.#after.push({ upTo: this.#last, callback });
  }

  holds(stream: string): boolean {
    return this.#waiting.some(({ write }) => write.stream === stream);
  }

  isUnsettled(stream: string): boolean {
    return this.#inFlight.has(stream) || this.holds(stream);
  }

  /** As that of `AppendQueue`, and what the log itself has under way; never within the same turn. */
  async settled(): Promise<void> {
    await new Promise<void>((resolve) => this.afterSync(resolve));
    await this.#log.settled();
    await new Promise(setImmediate);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    scheduleFlush(this.#lagMs(), this.#flush);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const { ready, fallen } = this.#takeReady();
    if (ready.length > 0) void this.#append(ready);
    this.#fail(fallen);
  };

  /** Those that may go now, and those whose ground is gone; the others wait on. */
  #takeReady(): { ready: readonly Item[]; fallen: readonly Item[] } {
    const ready: Item[] = [];
    const fallen: Item[] = [];
    const waiting: Item[] = [];
    const held = new Set<string>();
    /** The revision that each stream will have after those that are ready. */
    const revisions = new Map<string, number>();
    const gone = new Set<string>();
    for (const item of this.#waiting) {
      const { stream, expected, events } = item.write;
      const current = revisions.get(stream) ?? this.#log.lastRevision(stream);
      const isFree = expected === 'any' || !this.#inFlight.has(stream);
      if (held.has(stream) || !isFree || ready.length >= BATCH_WRITES_MAX) {
        held.add(stream);
        waiting.push(item);
      } else if (expected !== 'any' && (gone.has(stream) || current !== (expected === 'none' ? -1 : expected))) {
        gone.add(stream);
        fallen.push(item);
      } else {
        revisions.set(stream, current + events.length);
        ready.push(item);
      }
    }
    this.#waiting = waiting;
    return { ready, fallen };
  }

  async #append(batch: readonly Item[]): Promise<void> {
    for (const { write } of batch) {
      this.#inFlight.set(write.stream, (this.#inFlight.get(write.stream) ?? 0) + 1);
    }
    const results = await this.#results(batch.map(({ write }) => write));
    const failed = new Set<string>();
    for (const [at, { write, number }] of batch.entries()) {
      const left = this.#inFlight.get(write.stream)! - 1;
      if (left === 0) this.#inFlight.delete(write.stream);
      else this.#inFlight.set(write.stream, left);
      this.#unsettled.delete(number);
      if (results[at]?.ok !== true) failed.add(write.stream);
    }
    const fallen = failed.size === 0 ? [] : this.#takeResting(failed);
    for (const stream of failed) this.#forget(stream);
    for (const [at, { settled }] of batch.entries()) settled(results[at]!);
    this.#fail(fallen);
    this.#callBack();
    if (this.#waiting.length > 0) this.#schedule();
  }

  async #results(writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]> {
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

  /** What waits to be handed over and was decided on a write that failed. */
  #takeResting(streams: ReadonlySet<string>): readonly Item[] {
    const rests = ({ write }: Item) => write.expected !== 'any' && streams.has(write.stream);
    const resting = this.#waiting.filter(rests);
    if (resting.length > 0) this.#waiting = this.#waiting.filter((item) => !rests(item));
    return resting;
  }

  #fail(fallen: readonly Item[]): void {
    if (fallen.length === 0) return;
    for (const { number, write } of fallen) {
      this.#unsettled.delete(number);
      this.#forget(write.stream);
    }
    for (const { write, settled } of fallen) {
      const error = errors.error('stream.revision-conflict', `${write.stream} was written by another member`);
      settled({ ok: false, error, currentRevision: this.#log.lastRevision(write.stream) });
    }
    this.#callBack();
  }

  #callBack(): void {
    const [first = Number.POSITIVE_INFINITY] = this.#unsettled;
    let due = 0;
    while (due < this.#after.length && this.#after[due]!.upTo < first) due += 1;
    if (due === 0) return;
    const callbacks = this.#after.slice(0, due);
    this.#after = this.#after.slice(due);
    for (const { callback } of callbacks) callback();
  }
}
