import { assert } from '../assert.ts';
import { errors } from '../errors.ts';
import type { EventDefinition } from './definition.ts';
import type { EventData, KeyMark, RecordedEvent } from './event.ts';
import {
  AT,
  CAUSATION,
  FLAGS,
  FORMAT,
  ID,
  KEY_MARK,
  NAMES,
  PACKED,
  RECORDED_AT,
  REVISION,
  SCHEMA_VERSION,
} from './event-layout.ts';

const INTERNED_MAX = 4096;

/**
 * An event read in place: nothing is decoded before it is asked for, and names are made once, because folding a long
 * log looks at little of each event. `attach` moves it; `toRecorded` gives what may be kept.
 */
export class EventView implements RecordedEvent {
  readonly #definitions: ReadonlyMap<string, EventDefinition>;
  readonly #types = new Interned();
  readonly #streams = new Interned();
  readonly #actors = new Interned();
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #streamAt = 0;
  #actorAt = 0;
  #afterNames = 0;
  readonly partition = 0;
  offset = 0;

  constructor(definitions: ReadonlyMap<string, EventDefinition>) {
    this.#definitions = definitions;
  }

  /** Moves to the event in `bytes` from `start` to `end`. @throws log.unknown-format */
  attach(bytes: Buffer, start: number, end: number, offset: number): this {
    if (bytes[start] !== FORMAT) throw unknownFormat(bytes[start], offset);
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.offset = offset;
    this.#streamAt = start + NAMES + 1 + bytes[start + NAMES]!;
    this.#actorAt = this.#streamAt + 1 + bytes[this.#streamAt]!;
    this.#afterNames = this.#actorAt + 1 + bytes[this.#actorAt]!;
    return this;
  }

  get type(): string {
    return this.#types.read(this.#bytes, this.#start + NAMES);
  }

  get stream(): string {
    return this.#streams.read(this.#bytes, this.#streamAt);
  }

  get actor(): string {
    return this.#actors.read(this.#bytes, this.#actorAt);
  }

  get id(): string {
    return this.#hex(this.#start + ID);
  }

  get version(): number {
    return this.#bytes.readUInt16BE(this.#start + SCHEMA_VERSION);
  }

  get revision(): number {
    return this.#bytes.readUIntBE(this.#start + REVISION, 6);
  }

  get at(): number {
    return this.#bytes.readUIntBE(this.#start + AT, 6);
  }

  get recordedAt(): number {
    return this.#bytes.readUIntBE(this.#start + RECORDED_AT, 6);
  }

  get causation(): string | null {
    return this.#has(CAUSATION) ? this.#hex(this.#afterNames) : null;
  }

  get keyMark(): KeyMark | null {
    if (!this.#has(KEY_MARK)) return null;
    const at = this.#afterNames + (this.#has(CAUSATION) ? 16 : 0);
    return { key: this.#hex(at), body: this.#hex(at + 16) };
  }

  get data(): EventData {
    const start = this.#afterNames + (this.#has(CAUSATION) ? 16 : 0) + (this.#has(KEY_MARK) ? 32 : 0);
    if (!this.#has(PACKED)) return JSON.parse(this.#bytes.toString('utf8', start, this.#end)) as EventData;
    const packing = this.#definitions.get(this.type)?.packing;
    assert(packing !== null && packing !== undefined, `packed events of type ${this.type} have a packing`);
    return packing.unpack(this.#bytes.subarray(start, this.#end), this.stream);
  }

  /** The event's canonical bytes, on memory that is used again. */
  get bytes(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  toRecorded(): RecordedEvent {
    const { id, type, version, at, actor, causation, keyMark, data, stream, revision, partition, offset, recordedAt } =
      this;
    return { id, type, version, at, actor, causation, keyMark, data, stream, revision, partition, offset, recordedAt };
  }

  #has(flag: number): boolean {
    return (this.#bytes[this.#start + FLAGS]! & flag) !== 0;
  }

  #hex(at: number): string {
    return this.#bytes.toString('hex', at, at + 16);
  }
}

/** Short strings found again by their bytes: the last one first, then by a hash. */
class Interned {
  readonly #known = new Map<number, { readonly bytes: Buffer; readonly text: string }>();
  #last: { readonly bytes: Buffer; readonly text: string } = { bytes: Buffer.alloc(0), text: '' };

  /** Reads the string whose length stands in the byte at `at`. */
  read(source: Buffer, at: number): string {
    const length = source[at]!;
    if (same(this.#last.bytes, source, at + 1, length)) return this.#last.text;
    let hash = length;
    for (let index = at + 1; index <= at + length; index += 1) hash = (Math.imul(hash, 31) + source[index]!) | 0;
    let found = this.#known.get(hash);
    if (found === undefined || !same(found.bytes, source, at + 1, length)) {
      const bytes = Buffer.from(source.subarray(at + 1, at + 1 + length));
      found = { bytes, text: bytes.toString('utf8') };
      if (this.#known.size >= INTERNED_MAX) this.#known.clear();
      this.#known.set(hash, found);
    }
    this.#last = found;
    return found.text;
  }
}

function same(known: Buffer, source: Buffer, at: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let index = 0; index < length; index += 1) if (known[index] !== source[at + index]) return false;
  return true;
}

/** An event to keep: a view is valid only until it moves on. */
export function retained(event: RecordedEvent): RecordedEvent {
  return event instanceof EventView ? event.toRecorded() : event;
}

function unknownFormat(format: number | undefined, offset: number) {
  const detail = `the event at position ${offset} has format ${format}; this version knows ${FORMAT}`;
  return errors.error('log.unknown-format', detail);
}
