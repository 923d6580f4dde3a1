import type { EnqueuedWrite } from './enqueued-write.ts';

/** What one append takes at most: the server refuses more than a megabyte. */
const APPEND_BYTES_MAX = 512 * 1024;
const APPEND_EVENTS_MAX = 1000;

/** The writes of one stream that are enqueued, in order: one append at a time. */
export class StreamLane {
  readonly stream: string;
  #waiting: LaneWrite[] = [];
  #inFlight: readonly LaneWrite[] = [];
  #settledRevision: number;
  #lastRevision: number;
  /** How many writes fell that were to stand. */
  #fallen = 0;

  constructor(stream: string, lastRevision: number) {
    this.stream = stream;
    this.#settledRevision = lastRevision;
    this.#lastRevision = lastRevision;
  }

  /** What the stream's last revision will be, as far as this member knows. */
  get lastRevision(): number {
    return this.#lastRevision;
  }

  /** The last revision that the stream was seen at. */
  get settledRevision(): number {
    return this.#settledRevision;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#inFlight.length === 0;
  }

  /** Every write that is not settled. */
  get writes(): readonly LaneWrite[] {
    return [...this.#inFlight, ...this.#waiting];
  }

  push(enqueued: EnqueuedWrite): void {
    const stands = meets(enqueued, this.#lastRevision);
    if (stands) this.#lastRevision += enqueued.proposed.length;
    this.#waiting.push({ enqueued, stands, fallenBefore: this.#fallen });
  }

  /**
   * The next writes that go as one append: such that rest on the one before, so that all of them stand if the first does.
   * A write that expects nothing, and that its caller may have sent before, goes alone: only so the server knows it again.
   */
  take(): readonly LaneWrite[] {
    const [first] = this.#waiting;
    if (first === undefined) return [];
    const group = [first];
    let expected = revisionOf(first.enqueued);
    let [bytes, events] = [first.enqueued.sizeBytes, first.enqueued.proposed.length];
    for (const next of isKnownByIds(first) ? [] : this.#waiting.slice(1, APPEND_EVENTS_MAX)) {
      if (expected !== 'any') expected += group.at(-1)!.enqueued.proposed.length;
      bytes += next.enqueued.sizeBytes;
      events += next.enqueued.proposed.length;
      const wanted = revisionOf(next.enqueued);
      const rests = (wanted === 'any' || wanted === expected) && !this.isGroundless(next);
      if (!rests || isKnownByIds(next) || bytes > APPEND_BYTES_MAX || events > APPEND_EVENTS_MAX) break;
      group.push(next);
    }
    this.#waiting = this.#waiting.slice(group.length);
    this.#inFlight = group;
    return group;
  }

  /** The write failed: what was decided on it falls too. */
  fell({ stands }: LaneWrite): void {
    if (stands) this.#fallen += 1;
  }

  /**
   * True for a write that names a revision which it found enqueued, of which something fell since. The revision may be there by
   * now, made by another member.
   */
  isGroundless({ enqueued, stands, fallenBefore }: LaneWrite): boolean {
    return stands && fallenBefore < this.#fallen && enqueued.write.expected !== 'any';
  }

  /** The stream was seen at the revision. */
  saw(revision: number): void {
    this.#settledRevision = Math.max(this.#settledRevision, revision);
  }

  /** All that was taken is settled. */
  done(): void {
    this.#inFlight = [];
    this.#lastRevision = this.#waiting.reduce((revision, waiting) => {
      const stands = !this.isGroundless(waiting) && meets(waiting.enqueued, revision);
      return stands ? revision + waiting.enqueued.proposed.length : revision;
    }, this.#settledRevision);
  }
}

/** A write in its lane: whether it was to stand, with all before it, when it came, and how many had fallen by then. */
export type LaneWrite = { readonly enqueued: EnqueuedWrite; readonly stands: boolean; readonly fallenBefore: number };

function isKnownByIds({ enqueued: { write } }: LaneWrite): boolean {
  return write.expected === 'any' && write.events[0]!.keyMark !== null;
}

function meets(enqueued: EnqueuedWrite, revision: number): boolean {
  const expected = revisionOf(enqueued);
  return expected === 'any' || expected === revision;
}

/** The revision that a write expects, -1 for none. */
function revisionOf({ write: { expected } }: EnqueuedWrite): number | 'any' {
  return expected === 'none' ? -1 : expected;
}
