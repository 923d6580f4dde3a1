import type { Codec } from '#events/encoding.ts';
import type { NewEvent } from '#events/event.ts';
import { GrowingBuffer } from '#events/growing-buffer.ts';
import { EVENT_PREFIX_BYTES, FRAME_HEADER_BYTES, GROUP_HEADER_BYTES, writeGroupHeader } from './group.ts';

/** A group takes no further write above this: a CRC covers, and a reader verifies, no more than that at once. */
const GROUP_FULL_BYTES = 32 * 1024;
const FIRST_BYTES = 256 * 1024;
/** Memory above this is given back after a burst. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;

type OpenGroup = {
  readonly at: number;
  readonly first: number;
  readonly recordedAt: number;
  count: number;
  end: number;
};

/** A finished group in the buffer, where `at` is its header. */
export type WrittenGroup = Readonly<OpenGroup>;

/** Writes on their way to the disk: frames within groups, encoded as they are enqueued. */
export class GroupBuffer {
  #target = new GrowingBuffer(FIRST_BYTES);
  #groups: OpenGroup[] = [];

  get lengthBytes(): number {
    return this.#target.length;
  }

  get groups(): readonly WrittenGroup[] {
    return this.#groups;
  }

  /**
   * Adds a write whose first event gets `offset` and `revision`. `latestAt` is the latest time of all events so far, these
   * included. Returns how many bytes its events have; when that is more than `bytesMax`, nothing was added.
   */
  add(
    codec: Codec,
    stream: string,
    events: readonly NewEvent[],
    offset: number,
    revision: number,
    recordedAt: number,
    latestAt: number,
    bytesMax: number,
  ): number {
    const target = this.#target;
    const before = target.length;
    let group = this.#groups.at(-1);
    const isNew = group === undefined || group.end - group.at >= GROUP_FULL_BYTES;
    try {
      if (isNew) {
        target.reserve(GROUP_HEADER_BYTES);
        target.length += GROUP_HEADER_BYTES;
      }
      const frame = target.length;
      target.reserve(FRAME_HEADER_BYTES);
      target.length += FRAME_HEADER_BYTES;
      for (let at = 0; at < events.length; at += 1) {
        const prefix = target.length;
        target.reserve(EVENT_PREFIX_BYTES);
        target.length += EVENT_PREFIX_BYTES;
        codec.encode(events[at]!, stream, revision + at, recordedAt, target);
        target.bytes.writeUInt32LE(target.length - prefix - EVENT_PREFIX_BYTES, prefix);
      }
      const frameBytes = target.length - frame - FRAME_HEADER_BYTES;
      const eventBytes = frameBytes - events.length * EVENT_PREFIX_BYTES;
      if (eventBytes > bytesMax) {
        target.length = before;
        return eventBytes;
      }
      target.bytes.writeUInt32LE(frameBytes, frame);
      target.bytes.writeUInt16LE(events.length, frame + EVENT_PREFIX_BYTES);
      if (isNew) {
        group = { at: before, first: offset, recordedAt: latestAt, count: 0, end: 0 };
        this.#groups.push(group);
      }
      group!.count += events.length;
      group!.end = target.length;
      return eventBytes;
    } catch (error) {
      target.length = before;
      throw error;
    }
  }

  /** Adds the mark of a clean close. */
  addEndMark(head: number, recordedAt: number): void {
    const at = this.#target.length;
    this.#target.reserve(GROUP_HEADER_BYTES);
    this.#target.length += GROUP_HEADER_BYTES;
    this.#groups.push({ at, first: head + 1, recordedAt, count: 0, end: this.#target.length });
  }

  /** Fills in the groups' headers; the bytes to write, valid until `clear`. `synced` is how far the disk is now. */
  finish(synced: number, seed: number): Buffer {
    const { bytes } = this.#target;
    for (const { at, first, count, end, recordedAt } of this.#groups) {
      writeGroupHeader(bytes, at, end - at - GROUP_HEADER_BYTES, { first, count, synced, recordedAt }, seed);
    }
    return this.#target.view();
  }

  clear(): void {
    this.#groups = [];
    if (this.#target.bytes.length > KEPT_BYTES_MAX) this.#target = new GrowingBuffer(FIRST_BYTES);
    this.#target.length = 0;
  }
}
