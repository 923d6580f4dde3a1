/** What a client proposes: bytes as they came. */
export type ProposedEvent = {
  /** A UUID in its text form, lower case. */
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
};

export type StoredEvent = ProposedEvent & {
  readonly stream: string;
  readonly revision: number;
  /** Commit and prepare position, which are one for all that is written today; it rises by the record's size. */
  readonly position: number;
  /** ms since 1970, by the server's clock. */
  readonly createdMs: number;
};

export type Expected = number | 'any' | 'no stream' | 'stream exists';

export type AppendOutcome =
  | { readonly is: 'written'; readonly revision: number; readonly position: number }
  /** `current` is -1 where there is no such stream. */
  | { readonly is: 'wrong version'; readonly current: number }
  | { readonly is: 'too large' };

/** The server's own default. */
export const APPEND_BYTES_MAX = 1024 * 1024;
/** How many events a server knows again by their ids alone. */
const RECENT_EVENTS_MAX = 10_000;
const RECORD_BYTES = 120;

/**
 * What the nodes of a cluster agree on: the streams, their order in `$all`, and the rules of appending, as the server's
 * documentation has them ("Optimistic concurrency and idempotence"). In memory.
 */
export class TransactionFile {
  readonly events: StoredEvent[] = [];
  readonly #clock: () => number;
  readonly #streams = new Map<string, StoredEvent[]>();
  readonly #recent = new Map<string, StoredEvent>();
  readonly #waiting = new Set<() => void>();
  #end = 0;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  stream(name: string): readonly StoredEvent[] {
    return this.#streams.get(name) ?? [];
  }

  append(stream: string, expected: Expected, proposed: readonly ProposedEvent[]): AppendOutcome {
    const size = proposed.reduce((bytes, { data, metadata }) => bytes + data.length + metadata.length, 0);
    if (size > APPEND_BYTES_MAX) return { is: 'too large' };
    const current = this.stream(stream).length - 1;
    const known = this.#known(stream, expected, current, proposed);
    if (known === 'in part') return { is: 'wrong version', current };
    if (known !== null) return { is: 'written', revision: known.revision, position: known.position };
    if (!meets(expected, current)) return { is: 'wrong version', current };
    return this.#write(stream, current, proposed);
  }

  /** A restarted server does not know events by their ids alone any more. */
  forgetRecent(): void {
    this.#recent.clear();
  }

  /** Calls back once at the next append. Returns how to stop waiting. */
  onNext(callback: () => void): () => void {
    this.#waiting.add(callback);
    return () => this.#waiting.delete(callback);
  }

  /**
   * The last of the proposed events if they are in the stream already; `null` if the first is not. With an expected
   * revision they are looked for after it; else, as far as the server remembers, anywhere in the stream.
   */
  #known(stream: string, expected: Expected, current: number, proposed: readonly ProposedEvent[]) {
    const isLoose = expected === 'any' || expected === 'stream exists';
    const first = expected === 'no stream' ? 0 : isLoose ? 0 : expected + 1;
    if (!isLoose && first > current) return null;
    let last: StoredEvent | null = null;
    for (const [at, { id }] of proposed.entries()) {
      const stored = isLoose ? this.#recent.get(`${stream} ${id}`) : this.stream(stream)[first + at];
      if (stored?.id !== id) return at === 0 ? null : 'in part';
      last = stored;
    }
    return last;
  }

  #write(stream: string, current: number, proposed: readonly ProposedEvent[]): AppendOutcome {
    const events = this.#streams.get(stream) ?? [];
    this.#streams.set(stream, events);
    const createdMs = this.#clock();
    for (const [at, event] of proposed.entries()) {
      const stored = { ...event, stream, revision: current + 1 + at, position: this.#end, createdMs };
      this.#end += RECORD_BYTES + stream.length + event.data.length + event.metadata.length;
      events.push(stored);
      this.events.push(stored);
      this.#remember(stored);
    }
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
    const { revision, position } = events.at(-1)!;
    return { is: 'written', revision, position };
  }

  #remember(event: StoredEvent): void {
    this.#recent.set(`${event.stream} ${event.id}`, event);
    if (this.#recent.size <= RECENT_EVENTS_MAX) return;
    const [oldest] = this.#recent.keys();
    this.#recent.delete(oldest!);
  }
}

function meets(expected: Expected, current: number): boolean {
  if (expected === 'any') return true;
  if (expected === 'no stream') return current === -1;
  if (expected === 'stream exists') return current >= 0;
  return expected === current;
}
