import type { EventData, Json, RecordedEvent } from '#events/event.ts';
import { isSealed } from '#events/sealing.ts';
import { foldPlainly } from './history-model-fold.ts';

/** A document as the model has it: personal fields are sealed, as on the log. */
export type ModelDocument = { readonly [field: string]: Json };

export type ModelPlace = { readonly color: number; readonly offset: number };

/** Everything that is there after one event. Nothing in it is changed later: each event makes another. */
export type ModelState = {
  /** By collection, then by key: canonical JSON. */
  readonly documents: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** By board, then by `x,y`. */
  readonly places: ReadonlyMap<string, ReadonlyMap<string, ModelPlace>>;
  /** By board: how often something was set. */
  readonly placements: ReadonlyMap<string, number>;
};

/** What is known of an event besides its data. */
export type ModelEvent = Pick<RecordedEvent, 'offset' | 'type' | 'revision' | 'at' | 'recordedAt' | 'actor' | 'data'>;

const EMPTY: ModelState = { documents: new Map(), places: new Map(), placements: new Map() };

/** Keeps a whole copy of the state after every event, folded by plain maps: what `src/history` has to equal. */
export class HistoryModel {
  /** By offset; the first is that of the empty log. */
  readonly states: ModelState[] = [EMPTY];
  /** By offset; there is none at 0. */
  readonly events: ModelEvent[] = [];
  /** By `collection/key`: the offset of the event that destroyed it for good. */
  readonly erased = new Map<string, number>();
  readonly #erasedSubjects = new Set<string>();
  /** What sealed fields say, by their sealed bytes. */
  readonly #opened = new Map<string, Json>();

  get head(): number {
    return this.states.length - 1;
  }

  /** `opened` is the event's data as its readers see it. */
  add(event: ModelEvent, opened: EventData): void {
    this.#learn(event.data, opened);
    const erase = (collection: string, key: string) => {
      const name = `${collection}/${key}`;
      if (!this.erased.has(name)) this.erased.set(name, event.offset);
    };
    const isErased = (collection: string, key: string) => this.erased.has(`${collection}/${key}`);
    this.states.push(foldPlainly(this.states.at(-1)!, event, { erase, isErased }));
    this.events.push(event);
    if (event.type === 'PhotoErased') this.#erasedSubjects.add(String(event.data.photo));
    if (event.type === 'AccountErased') this.#erasedSubjects.add(`account:${event.data.account}`);
  }

  event(offset: number): ModelEvent {
    return this.events[offset - 1]!;
  }

  /** A document at a position as its readers see it now; `null` where there is none, or it was erased since. */
  document(collection: string, key: string, offset: number): ModelDocument | null {
    const text = this.text(collection, key, offset);
    // What the fold wrote.
    return text === null ? null : (this.open(JSON.parse(text)) as ModelDocument);
  }

  /** The same in canonical JSON, sealed. */
  text(collection: string, key: string, offset: number): string | null {
    if (this.erased.has(`${collection}/${key}`)) return null;
    return this.states[offset]!.documents.get(collection)?.get(key) ?? null;
  }

  /** Keys of the documents at a position, in order. */
  keys(collection: string, offset: number): string[] {
    const keys = this.states[offset]!.documents.get(collection)?.keys() ?? [];
    return [...keys].filter((key) => !this.erased.has(`${collection}/${key}`)).sort();
  }

  /** All of them, opened, in the order of their keys. */
  all(collection: string, offset: number): ModelDocument[] {
    return this.keys(collection, offset).map((key) => this.document(collection, key, offset)!);
  }

  /** Keys that had a document at some position, erased ones included, in order. */
  everyKey(collection: string): string[] {
    return [...new Set(this.states.flatMap(({ documents }) => [...(documents.get(collection)?.keys() ?? [])]))].sort();
  }

  open(value: Json): Json {
    if (typeof value !== 'object' || value === null) return value;
    if (isSealed(value)) return this.#erasedSubjects.has(value.subject) ? null : this.#opened.get(value.sealed)!;
    if (Array.isArray(value)) return value.map((item: Json) => this.open(item));
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.open(item)]));
  }

  #learn(sealed: EventData, opened: EventData): void {
    for (const [name, value] of Object.entries(sealed)) {
      if (isSealed(value)) this.#opened.set(value.sealed, opened[name] ?? null);
    }
  }
}
