import type { Codec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import { GrowingBuffer } from '#events/growing-buffer.ts';
import { EVENT_LENGTH_BYTES, FRAME_HEADER_BYTES, GROUP_HEADER_BYTES, sealGroup } from './format.ts';

const START_BYTES = 256 * 1024;
/** Memory that grew beyond this is not used again. */
const REUSED_BYTES_MAX = 16 * 1024 * 1024;

/** Writes that wait to be written together, encoded as they come, and whoever waits for them. */
export class PendingGroup {
  readonly #codec: Codec;
  readonly #memory: GrowingBuffer;
  readonly events: RecordedEvent[] = [];
  /** Called when the group is synced, or could not be. */
  readonly waiting: ((failure: unknown) => void)[] = [];

  /** `memory` is another group's that is done with. */
  constructor(codec: Codec, memory: GrowingBuffer = new GrowingBuffer(START_BYTES)) {
    this.#codec = codec;
    this.#memory = memory;
    memory.length = GROUP_HEADER_BYTES;
  }

  get bytes(): number {
    return this.#memory.length;
  }

  /** Encodes one write as a frame. Returns false, and leaves no trace, when it has more than `bytesMax`. */
  add(events: readonly RecordedEvent[], bytesMax: number): boolean {
    const memory = this.#memory;
    const start = memory.length;
    try {
      memory.reserve(FRAME_HEADER_BYTES);
      memory.length += FRAME_HEADER_BYTES;
      for (const event of events) this.#addEvent(event);
    } catch (error) {
      memory.length = start;
      throw error;
    }
    if (memory.length - start > bytesMax) {
      memory.length = start;
      return false;
    }
    memory.bytes.writeUInt32BE(memory.length - start - 4, start);
    memory.bytes.writeUInt16BE(events.length, start + 4);
    for (const event of events) this.events.push(event);
    return true;
  }

  /** The group's bytes with their header: valid until the memory is used again. */
  seal(syncedOffset: number): Buffer {
    const bytes = this.#memory.view();
    sealGroup(bytes, { isEnd: false, events: this.events.length, firstOffset: this.events[0]!.offset, syncedOffset });
    return bytes;
  }

  /** The memory, to begin another group with; nothing when it is too much. */
  get reusable(): GrowingBuffer | undefined {
    return this.#memory.bytes.length <= REUSED_BYTES_MAX ? this.#memory : undefined;
  }

  #addEvent(event: RecordedEvent): void {
    const memory = this.#memory;
    memory.reserve(EVENT_LENGTH_BYTES);
    const lengthAt = memory.length;
    memory.length += EVENT_LENGTH_BYTES;
    this.#codec.encode(event, event.stream, event.revision, event.recordedAt, memory);
    memory.bytes.writeUInt32BE(memory.length - lengthAt - EVENT_LENGTH_BYTES, lengthAt);
  }
}
