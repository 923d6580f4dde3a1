import type { RecordedEvent } from '#events/event.ts';
import type { Appended, NotAppended } from '#log/event-log.ts';
import { GroupBuffer } from './group-buffer.ts';
import type { StreamTail } from './stream-tails.ts';

type Results = readonly (Appended | NotAppended)[];

type Call = { readonly results: Results; readonly resolve: (results: Results) => void };

/** What is enqueued for one write to the disk: the bytes, and everyone who waits for it. Used again after `clear`. */
export class AppendBatch {
  readonly groups = new GroupBuffer();
  /** All events in order; replaced, not emptied, because subscribers keep it. */
  events: RecordedEvent[] = [];
  writes: { readonly tail: StreamTail; readonly events: readonly RecordedEvent[] }[] = [];
  /** Key and stream of the keyed writes. */
  readonly keys = new Set<string>();
  #calls: Call[] = [];

  get hasCalls(): boolean {
    return this.#calls.length > 0;
  }

  add(tail: StreamTail, events: readonly RecordedEvent[]): void {
    this.writes.push({ tail, events });
    for (let at = 0; at < events.length; at += 1) this.events.push(events[at]!);
    const { keyMark, stream } = events[0]!;
    if (keyMark !== null) this.keys.add(keyMark.key + stream);
  }

  /** Resolves with the results once the batch is settled. */
  call(results: Results): Promise<Results> {
    return new Promise((resolve) => this.#calls.push({ results, resolve }));
  }

  /** Answers all callers; `failed` makes of each result what a failed batch leaves of it. */
  answer(failed?: (result: Appended | NotAppended) => NotAppended): void {
    const calls = this.#calls;
    this.#calls = [];
    for (const { results, resolve } of calls) resolve(failed === undefined ? results : results.map(failed));
  }

  clear(): void {
    this.groups.clear();
    this.events = [];
    this.writes = [];
    this.keys.clear();
  }
}
