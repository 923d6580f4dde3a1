import { assert } from '../assert.ts';
import { canonicalJson } from './canonical-json.ts';
import { type EventDefinition, packingOf } from './definition.ts';
import type { NewEvent, RecordedEvent } from './event.ts';
import {
  ACTOR_BYTES_MAX,
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
  HEAD_BYTES_MAX,
  IS_PACKED,
  NUMBER_MAX,
  STREAM_BYTES_MAX,
  TYPE_BYTES_MAX,
  VERSION_MAX,
  writeNumber,
} from './event-layout.ts';
import { EventView, ViewNames } from './event-view.ts';
import { GrowingBuffer } from './growing-buffer.ts';

/** Writes and reads events' bytes: canonical, self-contained, the same on every engine. */
export interface Codec {
  /**
   * Adds the event's bytes at the end of `target`. The hot path of every write: nothing is kept per event.
   * @throws Error for an event that breaks the envelope's bounds, which is a defect of whoever made it; TypeError for
   * data that is not JSON. `target.length` is left as it was then.
   */
  encode(event: NewEvent, stream: string, revision: number, recordedAt: number, target: GrowingBuffer): void;
  /** The canonical bytes of a recorded event, on memory of their own. */
  bytes(event: RecordedEvent): Buffer;
  /** A view to be moved over encoded events. */
  view(): EventView;
}

/**
 * A codec for these event types. A type's packed form belongs to its definition's version: a change of packing moves the
 * version up, so that an event never has two encodings.
 */
export function createCodec(definitions: readonly EventDefinition[]): Codec {
  return new EventCodec(definitions);
}

class EventCodec implements Codec {
  readonly #definitions: ReadonlyMap<string, EventDefinition>;
  readonly #names = new ViewNames();

  constructor(definitions: readonly EventDefinition[]) {
    this.#definitions = new Map(definitions.map((definition) => [definition.type, definition]));
    assert(this.#definitions.size === definitions.length, 'an event type is defined once');
  }

  view(): EventView {
    return new EventView(this.#definitions, this.#names);
  }

  bytes(event: RecordedEvent): Buffer {
    const target = new GrowingBuffer(HEAD_BYTES_MAX);
    this.encode(event, event.stream, event.revision, event.recordedAt, target);
    return Buffer.from(target.view());
  }

  encode(event: NewEvent, stream: string, revision: number, recordedAt: number, target: GrowingBuffer): void {
    const start = target.length;
    try {
      this.#encode(event, stream, revision, recordedAt, target);
    } catch (error) {
      target.length = start;
      throw error;
    }
  }

  #encode(event: NewEvent, stream: string, revision: number, recordedAt: number, target: GrowingBuffer): void {
    const { keyMark, causation, version } = event;
    assert(Number.isInteger(version) && version >= 1 && version <= VERSION_MAX, 'a schema version has 2 bytes');
    assert(isNumber(event.at) && isNumber(recordedAt) && isNumber(revision), 'times and revisions have 6 bytes');
    target.reserve(HEAD_BYTES_MAX + 3 * STREAM_BYTES_MAX);
    const { bytes, length: start } = target;

    bytes[start + AT_FORMAT] = FORMAT;
    bytes[start + AT_VERSION] = version;
    bytes[start + AT_VERSION + 1] = version >>> 8;
    writeHash(bytes, start + AT_ID, event.id);
    writeNumber(bytes, start + AT_AT, event.at);
    writeNumber(bytes, start + AT_RECORDED_AT, recordedAt);
    writeNumber(bytes, start + AT_REVISION, revision);

    let at = start + AT_NAMES;
    at += bytes[start + AT_TYPE_LENGTH] = writeName(bytes, at, event.type, 1, TYPE_BYTES_MAX);
    at += bytes[start + AT_STREAM_LENGTH] = writeName(bytes, at, stream, 1, STREAM_BYTES_MAX);
    at += bytes[start + AT_ACTOR_LENGTH] = writeName(bytes, at, event.actor, 1, ACTOR_BYTES_MAX);
    let flags = 0;
    if (causation !== null) {
      flags |= HAS_CAUSATION;
      writeHash(bytes, at, causation);
      at += HASH_BYTES;
    }
    if (keyMark !== null) {
      flags |= HAS_KEY_MARK;
      writeHash(bytes, at, keyMark.key);
      writeHash(bytes, at + HASH_BYTES, keyMark.body);
      at += 2 * HASH_BYTES;
    }
    target.length = at;
    if (this.#writeData(event, stream, target)) flags |= IS_PACKED;
    // The data may have moved the bytes to other memory.
    target.bytes[start + AT_FLAGS] = flags;
  }

  /** True when the data was packed. */
  #writeData({ type, version, data }: NewEvent, stream: string, target: GrowingBuffer): boolean {
    const definition = this.#definitions.get(type);
    assert(definition !== undefined, `the event ${type} is declared`);
    const packed = packingOf(definition, version)?.pack(data, stream) ?? null;
    if (packed !== null) {
      target.reserve(packed.length);
      target.bytes.set(packed, target.length);
      target.length += packed.length;
      return true;
    }
    const json = canonicalJson(data);
    // UTF-8 has at most three bytes for a code unit.
    target.reserve(json.length * 3);
    target.length += target.bytes.write(json, target.length, 'utf8');
    return false;
  }
}

function isNumber(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= NUMBER_MAX;
}

/** Writes UTF-8 and returns how many bytes it took. ASCII, which names nearly always are, without a native call. */
function writeName(bytes: Buffer, at: number, name: string, min: number, max: number): number {
  const { length } = name;
  assert(length >= min && length <= max, `a name has ${min} to ${max} bytes`);
  for (let index = 0; index < length; index += 1) {
    const code = name.charCodeAt(index);
    if (code >= 0x80) return writeUtf8(bytes, at, name, max);
    bytes[at + index] = code;
  }
  return length;
}

function writeUtf8(bytes: Buffer, at: number, name: string, max: number): number {
  assert(name.isWellFormed(), 'a name is well-formed Unicode');
  const length = bytes.write(name, at, 'utf8');
  assert(length <= max, `a name has at most ${max} bytes`);
  return length;
}

const NOT_A_DIGIT = 0xff;
const digitOf = new Uint8Array(128).fill(NOT_A_DIGIT);
for (let digit = 0; digit < 16; digit += 1) digitOf['0123456789abcdef'.charCodeAt(digit)] = digit;

/** Writes 32 lower-case hex digits as 16 bytes. */
function writeHash(bytes: Buffer, at: number, hex: string): void {
  assert(hex.length === 2 * HASH_BYTES, 'an id has 32 hex digits');
  let seen = 0;
  for (let index = 0; index < HASH_BYTES; index += 1) {
    const high = digitOf[hex.charCodeAt(2 * index)] ?? NOT_A_DIGIT;
    const low = digitOf[hex.charCodeAt(2 * index + 1)] ?? NOT_A_DIGIT;
    seen |= high | low;
    bytes[at + index] = (high << 4) | low;
  }
  assert(seen <= 0x0f, 'an id has lower-case hex digits');
}
