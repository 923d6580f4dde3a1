/** Streams kept in memory: those used lately, and as many again of those used before. */
const STREAMS_KEPT_MAX = 50_000;

/** A stream as of its last enqueued write, with what the index on the disk lacks of it. */
export class StreamTail {
  readonly stream: string;
  /** The last enqueued one; -1 for a stream that has no event. */
  revision: number;
  /** How many of its last events are enqueued and not synced. */
  unsynced = 0;
  /** Offsets of the synced events before those, which the index lacks; `indexing` are those being written to it. */
  offsets: number[] = [];
  indexing: readonly number[] = [];

  constructor(stream: string, revision: number) {
    this.stream = stream;
    this.revision = revision;
  }

  get lastSynced(): number {
    return this.revision - this.unsynced;
  }

  /** The first revision whose offset is here. */
  get firstHere(): number {
    return this.lastSynced - this.offsets.length - this.indexing.length + 1;
  }

  /** Offsets of the revisions from `firstHere` to `lastSynced`. */
  get offsetsHere(): readonly number[] {
    return this.indexing.length === 0 ? this.offsets : [...this.indexing, ...this.offsets];
  }

  /** True while it holds what is nowhere else. */
  get isPinned(): boolean {
    return this.unsynced > 0 || this.offsets.length > 0 || this.indexing.length > 0;
  }
}

/** The streams in use: bounded, except for those that hold what the index lacks. */
export class StreamTails {
  readonly #load: (stream: string) => number;
  readonly #keptMax: number;
  #recent = new Map<string, StreamTail>();
  #older = new Map<string, StreamTail>();
  /** Streams that came in since `#recent` was begun, beside those that it took over. */
  #added = 0;
  #takenOver = 0;

  /** `load` gives a stream's last revision by the index. */
  constructor(load: (stream: string) => number, keptMax = STREAMS_KEPT_MAX) {
    this.#load = load;
    this.#keptMax = keptMax;
  }

  get(stream: string): StreamTail {
    const recent = this.#recent.get(stream);
    if (recent !== undefined) return recent;
    const tail = this.#older.get(stream) ?? new StreamTail(stream, this.#load(stream));
    // As many as were taken over come in before all are looked at again: a constant cost for each.
    if (this.#added >= Math.max(this.#keptMax, this.#takenOver)) this.#rotate();
    this.#added += 1;
    this.#recent.set(stream, tail);
    return tail;
  }

  #rotate(): void {
    const dropped = this.#older;
    this.#older = this.#recent;
    this.#recent = new Map();
    this.#added = 0;
    for (const [stream, tail] of dropped) {
      if (tail.isPinned && !this.#older.has(stream)) this.#recent.set(stream, tail);
    }
    this.#takenOver = this.#recent.size;
  }
}
