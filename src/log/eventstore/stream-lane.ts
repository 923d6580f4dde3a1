import type { EnqueuedWrite } from './enqueued-write.ts';

/** What one append takes at most: the server refuses more than a megabyte. */
const APPEND_BYTES_MAX = 512 * 1024;
const APPEND_EVENTS_MAX = 1000;

/** The writes of one stream that are enqueued, in order: one append at a time. */
export class StreamLane {
  readonly stream: string;
  #waiting: EnqueuedWrite[] = [];
  #inFlight: readonly EnqueuedWrite[] = [];
  #settledRevision: number;
  #lastRevision: number;

  constructor(stream: string, lastRevision: number) {
    this.stream = stream;
    this.#settledRevision = lastRevision;
    this.#lastRevision = lastRevision;
  }

  /** What the stream's last revision will be, as far as this member knows. */
  get lastRevision(): number {
    return this.#lastRevision;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#inFlight.length === 0;
  }

  /** Every write that is not settled. */
  get writes(): readonly EnqueuedWrite[] {
    return [...this.#inFlight, ...this.#waiting];
  }

  push(write: EnqueuedWrite): void {
    this.#waiting.push(write);
    this.#lastRevision = after(this.#lastRevision, write);
  }

  /**
   * The next writes that go as one append: such that rest on the one before, so that all of them stand if the first does.
   * A write that expects nothing, and that its caller may have sent before, goes alone: only so the server knows it again.
   */
  take(): readonly EnqueuedWrite[] {
    const [first] = this.#waiting;
    if (first === undefined) return [];
    const group = [first];
    let expected = first.write.expected === 'none' ? -1 : first.write.expected;
    let [bytes, events] = [first.sizeBytes, first.proposed.length];
    for (const write of isKnownByIds(first) ? [] : this.#waiting.slice(1, APPEND_EVENTS_MAX)) {
      if (typeof expected === 'number') expected += group.at(-1)!.proposed.length;
      bytes += write.sizeBytes;
      events += write.proposed.length;
      const rests = write.write.expected === 'any' || write.write.expected === expected;
      if (!rests || isKnownByIds(write) || bytes > APPEND_BYTES_MAX || events > APPEND_EVENTS_MAX) break;
      group.push(write);
    }
    this.#waiting = this.#waiting.slice(group.length);
    this.#inFlight = group;
    return group;
  }

  /** All that was taken is settled, and the stream was seen at the revision. */
  done(revision: number): void {
    this.#inFlight = [];
    this.#settledRevision = Math.max(this.#settledRevision, revision);
    this.#lastRevision = this.#waiting.reduce(after, this.#settledRevision);
  }
}

function isKnownByIds({ write }: EnqueuedWrite): boolean {
  return write.expected === 'any' && write.events[0]!.keyMark !== null;
}

function after(revision: number, { write, proposed }: EnqueuedWrite): number {
  const expected = write.expected === 'none' ? -1 : write.expected;
  return expected === 'any' || expected === revision ? revision + proposed.length : revision;
}
