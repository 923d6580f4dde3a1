import { crc32c } from '@node-rs/crc32';
import { readNumber, writeNumber } from '#events/event-layout.ts';

/**
 * A group is what one batch of writes adds to a segment: a header, then its body. The body is frames: a frame is one write,
 * and stands or falls with its group. `docs/reference/log-format.md` has them byte by byte.
 */

export const GROUP_HEADER_BYTES = 44;
/** Bytes that are in no UTF-8 text, so that data is not taken for a header when a damaged file is searched for one. */
export const GROUP_MAGIC = Buffer.from('f55347fa', 'hex');

const AT_BODY_LENGTH = 4;
const AT_COUNT = 8;
const AT_FLAGS = 12;
const AT_FIRST = 16;
const AT_SYNCED = 22;
const AT_RECORDED_AT = 28;
const AT_BODY_CRC = 36;
const AT_HEADER_CRC = 40;

/** A group without events that a clean close leaves behind. */
const END_MARK = 1;

/** Frame: length of what follows (4 bytes), number of events (2). Event: its length (4), its bytes. */
export const FRAME_HEADER_BYTES = 6;
export const EVENT_PREFIX_BYTES = 4;

export type GroupFields = {
  readonly first: number;
  readonly count: number;
  /** Everything up to here was on the disk itself when the group was written. */
  readonly synced: number;
  /** When its first event was recorded; of an end mark, the last event before it. */
  readonly recordedAt: number;
};

/** Fills in the header that stands before `bodyLength` bytes of body. */
export function writeGroupHeader(
  bytes: Buffer,
  at: number,
  bodyLength: number,
  { first, count, synced, recordedAt }: GroupFields,
  seed: number,
): void {
  bytes.fill(0, at, at + GROUP_HEADER_BYTES);
  GROUP_MAGIC.copy(bytes, at);
  bytes.writeUInt32LE(bodyLength, at + AT_BODY_LENGTH);
  bytes.writeUInt32LE(count, at + AT_COUNT);
  bytes.writeUInt32LE(count === 0 ? END_MARK : 0, at + AT_FLAGS);
  writeNumber(bytes, at + AT_FIRST, first);
  writeNumber(bytes, at + AT_SYNCED, synced);
  writeNumber(bytes, at + AT_RECORDED_AT, recordedAt);
  const body = at + GROUP_HEADER_BYTES;
  bytes.writeUInt32LE(crc32c(bytes.subarray(body, body + bodyLength), seed), at + AT_BODY_CRC);
  bytes.writeUInt32LE(crc32c(bytes.subarray(at, at + AT_HEADER_CRC), seed), at + AT_HEADER_CRC);
}

/** A group header as read; used again for the next one. */
export class GroupHeader implements GroupFields {
  bodyLength = 0;
  first = 0;
  count = 0;
  synced = 0;
  recordedAt = 0;
  isEndMark = false;
  #bodyCrc = 0;

  /** False when the bytes at `at`, of which there are enough, are not a header of this log. */
  read(bytes: Buffer, at: number, seed: number): boolean {
    if (bytes.readUInt32LE(at) !== MAGIC_NUMBER) return false;
    if (bytes.readUInt32LE(at + AT_HEADER_CRC) !== crc32c(bytes.subarray(at, at + AT_HEADER_CRC), seed)) return false;
    this.bodyLength = bytes.readUInt32LE(at + AT_BODY_LENGTH);
    this.count = bytes.readUInt32LE(at + AT_COUNT);
    this.isEndMark = (bytes.readUInt32LE(at + AT_FLAGS) & END_MARK) !== 0;
    this.first = readNumber(bytes, at + AT_FIRST);
    this.synced = readNumber(bytes, at + AT_SYNCED);
    this.recordedAt = readNumber(bytes, at + AT_RECORDED_AT);
    this.#bodyCrc = bytes.readUInt32LE(at + AT_BODY_CRC);
    return true;
  }

  /** True when the body that begins at `at` is what was written. */
  isIntact(bytes: Buffer, at: number, seed: number): boolean {
    return crc32c(bytes.subarray(at, at + this.bodyLength), seed) === this.#bodyCrc;
  }
}

const MAGIC_NUMBER = GROUP_MAGIC.readUInt32LE();

export function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
