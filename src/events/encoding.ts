import canonicalize from 'canonicalize';
import { assert } from '../assert.ts';
import type { EventDefinition } from './definition.ts';
import type { NewEvent } from './event.ts';
import { AT, CAUSATION, FORMAT, ID, KEY_MARK, PACKED, RECORDED_AT, REVISION, SCHEMA_VERSION } from './event-layout.ts';
import { EventView } from './event-view.ts';

/** Bytes that an event can take beside its data. */
const ENVELOPE_BYTES_MAX = 1024;
const START_BYTES = 64 * 1024;

/** Writes events one after another into memory that grows: one per group of writes. */
export class EventWriter {
  readonly #definitions: ReadonlyMap<string, EventDefinition>;
  bytes = Buffer.allocUnsafeSlow(START_BYTES);
  /** Where the next byte goes. */
  end = 0;

  constructor(definitions: ReadonlyMap<string, EventDefinition>) {
    this.#definitions = definitions;
  }

  /** Makes room for `more` bytes from `end` on. */
  reserve(more: number): void {
    if (this.end + more <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.end + more));
    this.bytes.copy(grown, 0, 0, this.end);
    this.bytes = grown;
  }

  /** Writes the event's canonical bytes at `end`: see `docs/reference/event-format.md`. */
  write(event: NewEvent, stream: string, revision: number, recordedAt: number): void {
    this.reserve(ENVELOPE_BYTES_MAX);
    const start = this.end;
    const { bytes } = this;
    const packed = this.#definitions.get(event.type)?.packing?.pack(event.data, stream) ?? null;
    bytes[start] = FORMAT;
    bytes[start + 1] =
      (packed === null ? 0 : PACKED) |
      (event.causation === null ? 0 : CAUSATION) |
      (event.keyMark === null ? 0 : KEY_MARK);
    bytes.write(event.id, start + ID, 16, 'hex');
    bytes.writeUIntBE(event.at, start + AT, 6);
    bytes.writeUIntBE(recordedAt, start + RECORDED_AT, 6);
    bytes.writeUInt16BE(event.version, start + SCHEMA_VERSION);
    bytes.writeUIntBE(revision, start + REVISION, 6);
    let end = start + REVISION + 6;
    end = this.#text(event.type, end);
    end = this.#text(stream, end);
    end = this.#text(event.actor, end);
    if (event.causation !== null) end += bytes.write(event.causation, end, 16, 'hex');
    if (event.keyMark !== null) {
      end += bytes.write(event.keyMark.key, end, 16, 'hex');
      end += bytes.write(event.keyMark.body, end, 16, 'hex');
    }
    this.end = end;
    if (packed === null) this.#json(event);
    else {
      this.reserve(packed.length);
      this.bytes.set(packed, this.end);
      this.end += packed.length;
    }
  }

  #text(text: string, at: number): number {
    const written = this.bytes.write(text, at + 1, 255, 'utf8');
    assert(written > 0 && written <= 255, 'type, stream and actor have 1 to 255 bytes');
    this.bytes[at] = written;
    return at + 1 + written;
  }

  #json(event: NewEvent): void {
    const text = canonicalize(event.data);
    assert(text !== undefined, 'event data is JSON');
    this.reserve(text.length * 3);
    this.end += this.bytes.write(text, this.end, 'utf8');
  }
}

/** Writes and reads events of the declared types. */
export type Codec = {
  writer(): EventWriter;
  view(): EventView;
};

export function createCodec(definitions: readonly EventDefinition[]): Codec {
  const byType = new Map(definitions.map((definition) => [definition.type, definition]));
  return { writer: () => new EventWriter(byType), view: () => new EventView(byType) };
}
