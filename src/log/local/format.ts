import { crc32c } from '@node-rs/crc32';

/** The bytes of segment files: `docs/reference/log-format.md`. All numbers are big-endian. */
export const SEGMENT_HEADER_BYTES = 64;
export const GROUP_HEADER_BYTES = 48;
export const FRAME_HEADER_BYTES = 6;
export const EVENT_LENGTH_BYTES = 4;

const SEGMENT_MAGIC = 'STRATASG';
const SEGMENT_FORMAT = 1;
const GROUP_MAGIC = 0x53475250;
const END_MARK = 1;
const CRC_BYTES = 4;
/** No group is longer: a larger length is damage. */
export const GROUP_BYTES_MAX = 256 * 1024 * 1024;

export type SegmentHeader = {
  readonly logId: string;
  readonly epoch: number;
  readonly firstOffset: number;
  /** First offset of the segment before, 0 for none, and how many of its bytes count: what follows them never was. */
  readonly previousFirst: number;
  readonly previousBytes: number;
};

export function writeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.write(SEGMENT_MAGIC, 4, 'latin1');
  bytes.writeUInt32BE(SEGMENT_FORMAT, 12);
  bytes.writeUInt32BE(header.epoch, 16);
  bytes.write(header.logId, 20, 'hex');
  bytes.writeUIntBE(header.firstOffset, 36, 6);
  bytes.writeUIntBE(header.previousFirst, 42, 6);
  bytes.writeUIntBE(header.previousBytes, 48, 6);
  bytes.writeUInt32BE(crc32c(bytes.subarray(CRC_BYTES)), 0);
  return bytes;
}

/** The header, or `null` where the bytes are not one. */
export function readSegmentHeader(bytes: Buffer): SegmentHeader | null {
  if (bytes.length < SEGMENT_HEADER_BYTES) return null;
  const header = bytes.subarray(0, SEGMENT_HEADER_BYTES);
  if (header.readUInt32BE(0) !== crc32c(header.subarray(CRC_BYTES))) return null;
  if (header.toString('latin1', 4, 12) !== SEGMENT_MAGIC || header.readUInt32BE(12) !== SEGMENT_FORMAT) return null;
  return {
    epoch: header.readUInt32BE(16),
    logId: header.toString('hex', 20, 36),
    firstOffset: header.readUIntBE(36, 6),
    previousFirst: header.readUIntBE(42, 6),
    previousBytes: header.readUIntBE(48, 6),
  };
}

export type GroupHeader = {
  /** A clean close: no events. */
  readonly isEnd: boolean;
  readonly bodyBytes: number;
  readonly events: number;
  readonly firstOffset: number;
  /** Known to be synced when the group was written. */
  readonly syncedOffset: number;
};

/** Fills in the header of the group that begins at the start of `bytes` and ends with it. */
export function sealGroup(bytes: Buffer, header: Omit<GroupHeader, 'bodyBytes'>): void {
  bytes.writeUInt32BE(GROUP_MAGIC, 4);
  bytes.writeUInt32BE(header.isEnd ? END_MARK : 0, 8);
  bytes.writeUInt32BE(bytes.length - GROUP_HEADER_BYTES, 12);
  bytes.writeUInt32BE(header.events, 16);
  bytes.writeUIntBE(header.firstOffset, 20, 6);
  bytes.writeUIntBE(header.syncedOffset, 26, 6);
  bytes.fill(0, 32, GROUP_HEADER_BYTES);
  bytes.writeUInt32BE(crc32c(bytes.subarray(CRC_BYTES)), 0);
}

/** The header of a group at `at`, its CRC not yet checked; `null` where no group can begin. */
export function readGroupHeader(bytes: Buffer, at: number): GroupHeader | null {
  if (at + GROUP_HEADER_BYTES > bytes.length || bytes.readUInt32BE(at + 4) !== GROUP_MAGIC) return null;
  const bodyBytes = bytes.readUInt32BE(at + 12);
  const flags = bytes.readUInt32BE(at + 8);
  if (bodyBytes > GROUP_BYTES_MAX || flags > END_MARK) return null;
  return {
    isEnd: flags === END_MARK,
    bodyBytes,
    events: bytes.readUInt32BE(at + 16),
    firstOffset: bytes.readUIntBE(at + 20, 6),
    syncedOffset: bytes.readUIntBE(at + 26, 6),
  };
}

/** True when the group from `at` is whole and its CRC32C is right. */
export function isGroupValid(bytes: Buffer, at: number, header: GroupHeader): boolean {
  const end = at + GROUP_HEADER_BYTES + header.bodyBytes;
  return end <= bytes.length && bytes.readUInt32BE(at) === crc32c(bytes.subarray(at + CRC_BYTES, end));
}

/** Where the next group might begin: the next place of the group's magic number from `from` on, or -1. */
export function nextGroupAt(bytes: Buffer, from: number): number {
  const magic = Buffer.alloc(4);
  magic.writeUInt32BE(GROUP_MAGIC);
  const found = bytes.indexOf(magic, from + 4);
  return found === -1 ? -1 : found - 4;
}

export function segmentName(firstOffset: number): string {
  return `${String(firstOffset).padStart(16, '0')}.seg`;
}

const SEGMENT_NAME = /^(\d{16})\.seg$/;

/** The first offset that a segment's name tells, or `null` for another file. */
export function firstOffsetOf(name: string): number | null {
  const match = SEGMENT_NAME.exec(name);
  return match === null ? null : Number(match[1]);
}
