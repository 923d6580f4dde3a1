type Counted = { next: number; pending: number };

/**
 * The next revision of each stream by what counts on Kafka: what is not in the replica yet is remembered here, all else is
 * the replica's to say.
 */
export class CountedRevisions {
  readonly #replicated: (stream: string) => number;
  readonly #streams = new Map<string, Counted>();

  /**
   * `replicated` gives the last revision in the replica, -1 for none. `reread` has the next revisions of streams of which the
   * replica has more than was read on Kafka up to the place where reading goes on.
   */
  constructor(replicated: (stream: string) => number, reread: ReadonlyMap<string, number> = new Map()) {
    this.#replicated = replicated;
    for (const [stream, next] of reread) this.#streams.set(stream, { next, pending: 0 });
  }

  next(stream: string): number {
    return this.#streams.get(stream)?.next ?? this.#replicated(stream) + 1;
  }

  /** A write of so many events counts. */
  count(stream: string, events: number): void {
    const counted = this.#streams.get(stream);
    if (counted === undefined) {
      this.#streams.set(stream, { next: this.#replicated(stream) + 1 + events, pending: 1 });
      return;
    }
    counted.next += events;
    counted.pending += 1;
  }

  /** A write that counted is in the replica. */
  replicated(stream: string): void {
    const counted = this.#streams.get(stream);
    if (counted === undefined) return;
    counted.pending -= 1;
    if (counted.pending === 0 && counted.next === this.#replicated(stream) + 1) this.#streams.delete(stream);
  }
}
