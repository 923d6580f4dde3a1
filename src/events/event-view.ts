import { errors } from '../errors.ts';
import { type EventDefinition, type Packing, packingOf } from './definition.ts';
import type { EventData, KeyMark, RecordedEvent } from './event.ts';
import {
  AT_ACTOR_LENGTH,
  AT_AT,
  AT_FLAGS,
  AT_FORMAT,
  AT_ID,
  AT_NAMES,
  AT_RECORDED_AT,
  AT_REVISION,
  AT_STREAM_LENGTH,
  AT_TYPE_LENGTH,
  AT_VERSION,
  FORMAT,
  HAS_CAUSATION,
  HAS_KEY_MARK,
  HASH_BYTES,
  IS_PACKED,
  KNOWN_FLAGS,
  readNumber,
} from './event-layout.ts';
import { NameCache } from './name-cache.ts';
import { requireKnownVersion, upcast } from './upcasting.ts';

/** The strings that views of one codec share. */
export class ViewNames {
  readonly types = new NameCache(256);
  readonly streams = new NameCache(2048);
  readonly actors = new NameCache(1024);
}

const SCRATCH_BYTES_MAX = 64;
const NOTHING = Buffer.alloc(0);

/**
 * A recorded event read straight from its bytes: a flyweight, moved from event to event, that decodes only what is asked
 * for, so that a fold over millions of events makes no object for most of them. What it answers is valid until it is
 * moved; `toRecorded` gives an object to keep. Its fields are getters: spreading it copies nothing.
 */
export class EventView implements RecordedEvent {
  readonly #definitions: ReadonlyMap<string, EventDefinition>;
  readonly #names: ViewNames;
  #bytes: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  #offset = 0;
  #partition = 0;
  #type: string | null = null;
  #stream: string | null = null;
  #data: EventData | null = null;
  /** Packed data by its length: handed to `unpack`, and written over by the next event. */
  readonly #scratch: Uint8Array[] = Array.from(
    { length: SCRATCH_BYTES_MAX + 1 },
    (_, length) => new Uint8Array(length),
  );

  constructor(definitions: ReadonlyMap<string, EventDefinition>, names: ViewNames) {
    this.#definitions = definitions;
    this.#names = names;
  }

  /**
   * Moves the view to the event whose bytes are [start, end).
   * @throws log.unknown-format when another version of Strata wrote it.
   */
  move(bytes: Buffer, start: number, end: number, partition: number, offset: number): this {
    if (bytes[start + AT_FORMAT] !== FORMAT || (bytes[start + AT_FLAGS]! & ~KNOWN_FLAGS) !== 0) {
      throw errors.error(
        'log.unknown-format',
        `the event at ${offset} has format ${bytes[start + AT_FORMAT]} and flags ${bytes[start + AT_FLAGS]}`,
      );
    }
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#partition = partition;
    this.#offset = offset;
    this.#type = null;
    this.#stream = null;
    this.#data = null;
    return this;
  }

  /** The event's canonical bytes, on the memory that the view was moved to. */
  get bytes(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  get id(): string {
    return this.#hash(this.#start + AT_ID);
  }

  get type(): string {
    this.#type ??= this.#names.types.get(this.#bytes, this.#start + AT_NAMES, this.#typeLength);
    return this.#type;
  }

  /**
   * That of the type's definition: whatever version was written, it is read as this one.
   * @throws event.unknown-version for a later one.
   */
  get version(): number {
    const definition = this.#definitions.get(this.type);
    if (definition === undefined) return this.#written;
    requireKnownVersion(definition, this.#written, this.#offset);
    return definition.version;
  }

  get stream(): string {
    this.#stream ??= this.#names.streams.get(
      this.#bytes,
      this.#start + AT_NAMES + this.#typeLength,
      this.#bytes[this.#start + AT_STREAM_LENGTH]!,
    );
    return this.#stream;
  }

  get revision(): number {
    return readNumber(this.#bytes, this.#start + AT_REVISION);
  }

  get partition(): number {
    return this.#partition;
  }

  get offset(): number {
    return this.#offset;
  }

  get at(): number {
    return readNumber(this.#bytes, this.#start + AT_AT);
  }

  get recordedAt(): number {
    return readNumber(this.#bytes, this.#start + AT_RECORDED_AT);
  }

  get actor(): string {
    const at = this.#start + AT_NAMES + this.#typeLength + this.#bytes[this.#start + AT_STREAM_LENGTH]!;
    return this.#names.actors.get(this.#bytes, at, this.#bytes[this.#start + AT_ACTOR_LENGTH]!);
  }

  get causation(): string | null {
    return (this.#flags & HAS_CAUSATION) === 0 ? null : this.#hash(this.#afterNames);
  }

  get keyMark(): KeyMark | null {
    if ((this.#flags & HAS_KEY_MARK) === 0) return null;
    const at = this.#afterNames + ((this.#flags & HAS_CAUSATION) === 0 ? 0 : HASH_BYTES);
    return { key: this.#hash(at), body: this.#hash(at + HASH_BYTES) };
  }

  /**
   * As the definition's version has it.
   * @throws event.unknown-version for a later version; log.unknown-format for packed data that no definition unpacks.
   */
  get data(): EventData {
    this.#data ??= this.#decodeData();
    return this.#data;
  }

  /** The event as an object to keep. */
  toRecorded(): RecordedEvent {
    return this.#record(this.version, this.data);
  }

  /**
   * The event as it was written, in the version of then: encoded again, it gives the same bytes.
   * @throws event.unknown-version, log.unknown-format as `data` does.
   */
  toWritten(): RecordedEvent {
    const definition = this.#definitions.get(this.type);
    const written = this.#written;
    if (definition === undefined || definition.version === written) return this.toRecorded();
    requireKnownVersion(definition, written, this.#offset);
    return this.#record(written, this.#readData(packingOf(definition, written)?.unpack));
  }

  #record(version: number, data: EventData): RecordedEvent {
    return {
      id: this.id,
      type: this.type,
      version,
      at: this.at,
      actor: this.actor,
      causation: this.causation,
      keyMark: this.keyMark,
      data,
      stream: this.stream,
      revision: this.revision,
      partition: this.partition,
      offset: this.offset,
      recordedAt: this.recordedAt,
    };
  }

  /** The version that the bytes say. */
  get #written(): number {
    const at = this.#start + AT_VERSION;
    return this.#bytes[at]! | (this.#bytes[at + 1]! << 8);
  }

  get #flags(): number {
    return this.#bytes[this.#start + AT_FLAGS]!;
  }

  get #typeLength(): number {
    return this.#bytes[this.#start + AT_TYPE_LENGTH]!;
  }

  get #afterNames(): number {
    const bytes = this.#bytes;
    const start = this.#start;
    return start + AT_NAMES + this.#typeLength + bytes[start + AT_STREAM_LENGTH]! + bytes[start + AT_ACTOR_LENGTH]!;
  }

  #hash(at: number): string {
    return this.#bytes.toString('hex', at, at + HASH_BYTES);
  }

  #decodeData(): EventData {
    const definition = this.#definitions.get(this.type);
    const written = this.#written;
    if (definition === undefined || definition.version === written) return this.#readData(definition?.packing?.unpack);
    requireKnownVersion(definition, written, this.#offset);
    return upcast(definition, written, this.#readData(packingOf(definition, written)?.unpack));
  }

  /** As it was written. */
  #readData(unpack: Packing['unpack'] | undefined): EventData {
    const flags = this.#flags;
    let at = this.#afterNames;
    if ((flags & HAS_CAUSATION) !== 0) at += HASH_BYTES;
    if ((flags & HAS_KEY_MARK) !== 0) at += 2 * HASH_BYTES;
    // Bytes that the encoder wrote, and that a CRC covers, are an object.
    if ((flags & IS_PACKED) === 0) return JSON.parse(this.#bytes.toString('utf8', at, this.#end)) as EventData;

    if (unpack === undefined) {
      const name = `${this.type} version ${this.#written}`;
      throw errors.error('log.unknown-format', `no definition unpacks ${name}, which stands at ${this.#offset}`);
    }
    const length = this.#end - at;
    if (length > SCRATCH_BYTES_MAX) return unpack(this.#bytes.subarray(at, this.#end), this.stream);
    const scratch = this.#scratch[length]!;
    for (let index = 0; index < length; index += 1) scratch[index] = this.#bytes[at + index]!;
    return unpack(scratch, this.stream);
  }
}
