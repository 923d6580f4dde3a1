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
  /** True once it is no more what the log holds: what was decided on it is decided again. */
  isDropped: boolean;
};

/** The writes that are not synced yet. */
type Enqueued = Pick<AppendQueue, 'holds' | 'isUnsettled' | 'settled'>;

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
  /** Other members write too: a stream may be further than what was folded of it here. */
  readonly #isShared: boolean;
  readonly #loading = new Map<string, Set<Loading>>();
  #recent = new Map<string, StreamState>();
  #older = new Map<string, StreamState>();

  constructor(log: EventLog, keys: SubjectKeys, enqueued: Enqueued) {
    this.#log = log;
    this.#keys = keys;
    this.#enqueued = enqueued;
    this.#isShared = log.isShared === true;
  }

  /** The stream's state if it is at hand for this view: that of a stream that is not there yet always is. */
  ready(stream: string, view: View): StreamState | null {
    let state = this.#recent.get(stream);
    if (state === undefined) {
      state = this.#older.get(stream) ?? this.#newStream(stream);
      if (state === undefined) return null;
      this.#keep(stream, state);
    }
    if (this.#isShared && state.revision < this.#log.lastRevision(stream)) return null;
    if (state.states.has(view)) return state;
    if (state.revision !== -1) return null;
    state.states.set(view, view.initial);
    return state;
  }

  /** Folds the stream from the log, waiting for what of it was enqueued before, then what was enqueued meanwhile. */
  async load(stream: string, view: View): Promise<void> {
    const behind = this.#isShared ? this.#known(stream) : undefined;
    if (behind?.states.has(view)) return this.#follow(stream, behind, this.#log.lastRevision(stream));
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
        let last = this.#log.lastRevision(stream);
        do {
          for await (const event of this.#log.readStream(stream, { from: revision + 1 })) {
            folded = view.evolve(folded, this.#open(event));
            revision = event.revision;
          }
          if (revision < last && !loading.stale) await this.#enqueued.settled();
          // What was enqueued when another member took the partition never comes.
          last = Math.min(last, this.#log.lastRevision(stream));
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
    let known = this.#known(stream);
    if (this.#isShared && known !== undefined && known.revision < revision) {
      await this.#follow(stream, known, revision);
      known = this.#known(stream);
    }
    const state =
      known !== undefined && known.revision === revision ? known : { revision, states: new Map(), isDropped: false };
    state.states.set(view, folded);
    this.#keep(stream, state);
  }

  /**
   * Applies events that were just enqueued, personal fields open, to every view at hand. `first` is the first one's
   * revision, or `null` where it is not known yet.
   */
  evolve(stream: string, first: number | null, decided: readonly DomainEvent[], at: number): void {
    const loadings = this.#loading.get(stream);
    const state = this.#known(stream);
    if (state === undefined && loadings === undefined) return;
    if (first === null && this.#isShared) {
      // Another member's events may come in between.
      this.drop(stream);
      return;
    }

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

  /** Forgets a stream whose enqueued writes failed, or that another member wrote. */
  drop(stream: string): void {
    for (const loading of this.#loading.get(stream) ?? []) loading.stale = true;
    for (const states of [this.#recent, this.#older]) {
      const state = states.get(stream);
      if (state === undefined) continue;
      state.isDropped = true;
      states.delete(stream);
    }
  }

  /** Folds what other members added, up to and with revision `to`. */
  async #follow(stream: string, state: StreamState, to: number): Promise<void> {
    const { revision } = state;
    // What was enqueued on what the stream is not is in vain.
    if (this.#enqueued.isUnsettled(stream)) {
      this.drop(stream);
      return;
    }
    const states = new Map(state.states);
    let last = revision;
    for await (const event of this.#log.readStream(stream, { from: revision + 1, to })) {
      const opened = this.#open(event);
      for (const [view, folded] of states) states.set(view, view.evolve(folded, opened));
      last = event.revision;
    }
    if (last < to) await this.#enqueued.settled();
    // Another did the same meanwhile, or added a view: whoever asks looks again.
    if (state.revision !== revision || state.states.size !== states.size) return;
    for (const [view, folded] of states) state.states.set(view, folded);
    state.revision = last;
  }

  #known(stream: string): StreamState | undefined {
    return this.#recent.get(stream) ?? this.#older.get(stream);
  }

  #newStream(stream: string): StreamState | undefined {
    if (this.#enqueued.holds(stream) || this.#log.lastRevision(stream) !== -1) return undefined;
    return { revision: -1, states: new Map(), isDropped: false };
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
