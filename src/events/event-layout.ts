/**
 * Where an event's fields lie in its bytes, format 1: `docs/reference/event-format.md` has the same byte by byte. Integers
 * are unsigned and little-endian. The encoding cannot be changed later: another layout is another format version.
 */

export const FORMAT = 1;

export const AT_FORMAT = 0;
export const AT_FLAGS = 1;
export const AT_VERSION = 2;
export const AT_ID = 4;
export const AT_AT = 20;
export const AT_RECORDED_AT = 26;
export const AT_REVISION = 32;
export const AT_TYPE_LENGTH = 38;
export const AT_STREAM_LENGTH = 39;
export const AT_ACTOR_LENGTH = 40;
/** Type, stream and actor follow each other from here, then causation, key mark and data. */
export const AT_NAMES = 41;

export const HAS_CAUSATION = 0b001;
export const HAS_KEY_MARK = 0b010;
/** The data is the packed form of the type's definition; else canonical JSON. */
export const IS_PACKED = 0b100;
export const KNOWN_FLAGS = HAS_CAUSATION | HAS_KEY_MARK | IS_PACKED;

export const HASH_BYTES = 16;
export const TYPE_BYTES_MAX = 63;
export const STREAM_BYTES_MAX = 255;
export const ACTOR_BYTES_MAX = 127;
export const VERSION_MAX = 0xffff;
/** Times and revisions: 6 bytes. */
export const NUMBER_MAX = 2 ** 48 - 1;

/** Everything before the data, at most. */
export const HEAD_BYTES_MAX = AT_NAMES + TYPE_BYTES_MAX + STREAM_BYTES_MAX + ACTOR_BYTES_MAX + 3 * HASH_BYTES;

/** Reads a 6-byte integer. */
export function readNumber(bytes: Uint8Array, at: number): number {
  const low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  return (low >>> 0) + (bytes[at + 4]! | (bytes[at + 5]! << 8)) * 0x1_0000_0000;
}

/** Writes an integer of at most `NUMBER_MAX` into 6 bytes. */
export function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  const low = value | 0;
  const high = Math.floor(value / 0x1_0000_0000);
  bytes[at] = low;
  bytes[at + 1] = low >>> 8;
  bytes[at + 2] = low >>> 16;
  bytes[at + 3] = low >>> 24;
  bytes[at + 4] = high;
  bytes[at + 5] = high >>> 8;
}
