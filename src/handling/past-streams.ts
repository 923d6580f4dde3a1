import type { EventData, RecordedEvent } from '#events/event.ts';
import { openFields, type SubjectKeys } from '#events/sealing.ts';
import type { EventLog } from '#log/event-log.ts';
import { errors } from '../errors.ts';
import type { StreamEvent, View } from './domain.ts';

/** Events of the log that one run reads, of all its streams together. */
const EVENTS_READ_MAX = 1_000_000;

export type PastStreamsParts = { readonly log: EventLog; readonly keys: SubjectKeys };

/** How far a stream has come: -1 and 0 for one that is empty. */
export type StreamEnd = { readonly revision: number; readonly lastAt: number };

/**
 * Streams as they were at a position, with events that are not in the log on top. A stream is read from its beginning, because
 * its state of then is kept nowhere.
 */
export class PastStreams {
  readonly #log: EventLog;
  readonly #keys: SubjectKeys;
  /** The last offset that counts. */
  readonly #offset: number;
  readonly #added = new Map<string, RecordedEvent[]>();
  readonly #ends = new Map<string, StreamEnd>();
  readonly #states = new Map<string, Map<View, unknown>>();
  #read = 0;

  constructor({ log, keys }: PastStreamsParts, offset: number, added: readonly RecordedEvent[]) {
    this.#log = log;
    this.#keys = keys;
    this.#offset = offset;
    for (const event of added) this.#add(event);
  }

  /** What a view makes of a stream. @throws whatif.too-long */
  async state(stream: string, view: View): Promise<unknown> {
    const states = this.#states.get(stream) ?? new Map<View, unknown>();
    this.#states.set(stream, states);
    if (states.has(view)) return states.get(view);
    let state = view.initial;
    for await (const event of this.#log.readStream(stream)) {
      if (event.offset > this.#offset) break;
      this.#read += 1;
      if (this.#read > EVENTS_READ_MAX) {
        throw errors.error(
          'whatif.too-long',
          `the streams have more than ${EVENTS_READ_MAX} events: name fewer commands`,
        );
      }
      state = view.evolve(state, this.#open(event));
    }
    for (const event of this.#added.get(stream) ?? []) state = view.evolve(state, event);
    states.set(view, state);
    return state;
  }

  async end(stream: string): Promise<StreamEnd> {
    const known = this.#ends.get(stream);
    if (known !== undefined) return known;
    const end = endAfter(this.#added.get(stream)?.at(-1) ?? (await this.#lastLogged(stream)));
    this.#ends.set(stream, end);
    return end;
  }

  /** Adds an event that is not in the log. Its personal fields are open. */
  append(event: RecordedEvent): void {
    this.#add(event);
    this.#ends.set(event.stream, endAfter(event));
    const states = this.#states.get(event.stream);
    for (const [view, state] of states ?? []) states?.set(view, view.evolve(state, event));
  }

  /** Offsets rise with revisions: the last that counts is found by halving. */
  async #lastLogged(stream: string): Promise<RecordedEvent | null> {
    let found: RecordedEvent | null = null;
    for (let low = 0, high = this.#log.lastRevision(stream); low <= high; ) {
      const middle = Math.floor((low + high) / 2);
      let isThen = false;
      for await (const event of this.#log.readStream(stream, { from: middle, limit: 1 })) {
        isThen = event.offset <= this.#offset;
        if (isThen) found = event;
      }
      // One that is enqueued and not synced yet is no event of then.
      if (isThen) low = middle + 1;
      else high = middle - 1;
    }
    return found;
  }

  #add(event: RecordedEvent): void {
    const added = this.#added.get(event.stream);
    if (added === undefined) this.#added.set(event.stream, [event]);
    else added.push(event);
  }

  #open(event: RecordedEvent): StreamEvent {
    // An object is opened into an object.
    const data = openFields(event.data, (subject) => this.#keys.get(subject)) as EventData;
    return { type: event.type, data, at: event.at };
  }
}

function endAfter(event: RecordedEvent | null): StreamEnd {
  return event === null ? { revision: -1, lastAt: 0 } : { revision: event.revision, lastAt: event.at };
}
