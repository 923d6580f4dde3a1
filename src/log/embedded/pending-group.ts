import type { EventWriter } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import { EVENT_LENGTH_BYTES, FRAME_HEADER_BYTES, GROUP_HEADER_BYTES, sealGroup } from './format.ts';

/** A buffer that grew beyond this is not used again. */
const REUSED_BYTES_MAX = 16 * 1024 * 1024;

/** Writes that wait to be written together, encoded as they come, and whoever waits for them. */
export class PendingGroup {
  readonly #writer: EventWriter;
  readonly events: RecordedEvent[] = [];
  /** Called when the group is synced, or could not be. */
  readonly waiting: ((failure: unknown) => void)[] = [];

  constructor(writer: EventWriter) {
    this.#writer = writer;
    writer.end = GROUP_HEADER_BYTES;
  }

  get bytes(): number {
    return this.#writer.end;
  }

  /** True while nobody waits for it and it has nothing to write. */
  get isEmpty(): boolean {
    return this.events.length === 0 && this.waiting.length === 0;
  }

  /** Encodes one write as a frame. Returns false, and leaves no trace, when it has more than `bytesMax`. */
  add(events: readonly RecordedEvent[], bytesMax: number): boolean {
    const writer = this.#writer;
    const start = writer.end;
    writer.reserve(FRAME_HEADER_BYTES);
    writer.end += FRAME_HEADER_BYTES;
    for (const event of events) {
      writer.reserve(EVENT_LENGTH_BYTES);
      const lengthAt = writer.end;
      writer.end += EVENT_LENGTH_BYTES;
      writer.write(event, event.stream, event.revision, event.recordedAt);
      writer.bytes.writeUInt32BE(writer.end - lengthAt - EVENT_LENGTH_BYTES, lengthAt);
    }
    if (writer.end - start > bytesMax) {
      writer.end = start;
      return false;
    }
    writer.bytes.writeUInt32BE(writer.end - start - 4, start);
    writer.bytes.writeUInt16BE(events.length, start + 4);
    for (const event of events) this.events.push(event);
    return true;
  }

  /** The group's bytes with their header: valid until the writer is used again. */
  seal(syncedOffset: number): Buffer {
    const bytes = this.#writer.bytes.subarray(0, this.#writer.end);
    sealGroup(bytes, { isEnd: false, events: this.events.length, firstOffset: this.events[0]!.offset, syncedOffset });
    return bytes;
  }

  /** The writer, to begin another group with; `null` when it holds too much memory. */
  get reusable(): EventWriter | null {
    return this.#writer.bytes.length <= REUSED_BYTES_MAX ? this.#writer : null;
  }
}
