import type { EventData, RecordedEvent } from '#events/event.ts';
import { openFields, type SubjectKeys } from '#events/sealing.ts';
import type { EventLog } from '#log/event-log.ts';
import { assert } from '../assert.ts';
import type { AppendQueue } from './append-queue.ts';
import type { DomainEvent, StreamEvent, View } from './domain.ts';

/** Entries kept: the most recently used half as many again may stand beside them. */
const STREAMS_KEPT_MAX = 100_000;

/** A stream as of its last enqueued write. */
export type StreamState = {
  /** The last enqueued revision, -1 for none. */
  revision: number;
  /** What views make of the stream; replaced, never changed in place. */
  readonly states: Map<View, unknown>;
};

/** The writes that are not synced yet. */
type Enqueued = Pick<AppendQueue, 'holds' | 'settled'>;

/** A read under way: what is enqueued meanwhile is folded after it. */
type Loading = { readonly later: { readonly revision: number; readonly event: StreamEvent }[]; stale: boolean };

/**
 * The streams that commands are decided on, each as of its last **enqueued** write, so that one hot stream is as fast as
 * many. Bounded: what is not used any more is dropped and read from the log again.
 */
export class StreamStates {
  readonly #log: EventLog;
  readonly #keys: SubjectKeys;
  readonly #enqueued: Enqueued;
  readonly #loading = new Map<string, Set<Loading>>();
  #recent = new Map<string, StreamState>();
  #older = new Map<string, StreamState>();

  constructor(log: EventLog, keys: SubjectKeys, enqueued: Enqueued) {
    this.#log = log;
    this.#keys = keys;
    this.#enqueued = enqueued;
  }

  /** The stream's state if it is at hand for this view: that of a stream that is not there yet always is. */
  ready(stream: string, view: View): StreamState | null {
    let state = this.#recent.get(stream);
    if (state === undefined) {
      state = this.#older.get(stream) ?? this.#newStream(stream);
      if (state === undefined) return null;
      this.#keep(stream, state);
    }
    if (state.states.has(view)) return state;
    if (state.revision !== -1) return null;
    state.states.set(view, view.initial);
    return state;
  }

  /** Folds the stream from the log, waiting for what of it was enqueued before, then what was enqueued meanwhile. */
  async load(stream: string, view: View): Promise<void> {
    let loading: Loading;
    let folded: unknown;
    let revision: number;
    do {
      loading = { later: [], stale: false };
      const beside = this.#loading.get(stream) ?? new Set();
      this.#loading.set(stream, beside.add(loading));
      folded = view.initial;
      revision = -1;
      try {
        if (this.#enqueued.holds(stream)) await this.#enqueued.settled();
        const last = this.#log.lastRevision(stream);
        do {
          for await (const event of this.#log.readStream(stream, { from: revision + 1 })) {
            folded = view.evolve(folded, this.#open(event));
            revision = event.revision;
          }
          if (revision < last && !loading.stale) await this.#enqueued.settled();
        } while (revision < last && !loading.stale);
      } finally {
        beside.delete(loading);
        if (beside.size === 0) this.#loading.delete(stream);
      }
    } while (loading.stale);

    for (const later of loading.later) {
      if (later.revision <= revision) continue;
      assert(later.revision === revision + 1, 'no enqueued event of a stream is missed while it is read');
      folded = view.evolve(folded, later.event);
      revision = later.revision;
    }
    const known = this.#recent.get(stream) ?? this.#older.get(stream);
    const state = known !== undefined && known.revision === revision ? known : { revision, states: new Map() };
    state.states.set(view, folded);
    this.#keep(stream, state);
  }

  /**
   * Applies events that were just enqueued, personal fields open, to every view at hand. `first` is the first one's
   * revision, or `null` where it is not known yet.
   */
  evolve(stream: string, first: number | null, decided: readonly DomainEvent[], at: number): void {
    const loadings = this.#loading.get(stream);
    const state = this.#recent.get(stream) ?? this.#older.get(stream);
    if (state === undefined && loadings === undefined) return;

    const events = decided.map(({ type, data }) => ({ type, data, at }));
    for (const loading of loadings ?? []) {
      if (first === null) loading.stale = true;
      else loading.later.push(...events.map((event, index) => ({ revision: first + index, event })));
    }
    if (state === undefined) return;
    for (const [view, folded] of state.states) {
      state.states.set(
        view,
        events.reduce((before, event) => view.evolve(before, event), folded),
      );
    }
    state.revision += events.length;
  }

  /** Forgets a stream whose enqueued writes failed. */
  drop(stream: string): void {
    for (const loading of this.#loading.get(stream) ?? []) loading.stale = true;
    this.#recent.delete(stream);
    this.#older.delete(stream);
  }

  #newStream(stream: string): StreamState | undefined {
    if (this.#enqueued.holds(stream) || this.#log.lastRevision(stream) !== -1) return undefined;
    return { revision: -1, states: new Map() };
  }

  #keep(stream: string, state: StreamState): void {
    this.#recent.set(stream, state);
    if (this.#recent.size <= STREAMS_KEPT_MAX) return;
    this.#older = this.#recent;
    this.#recent = new Map();
  }

  #open(event: RecordedEvent): StreamEvent {
    // An object is opened into an object.
    const data = openFields(event.data, (subject) => this.#keys.get(subject)) as EventData;
    return { type: event.type, data, at: event.at };
  }
}
