import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { readNumber, writeNumber } from '#events/event-layout.ts';
import { errors } from '../../errors.ts';
import { corrupt } from './damage.ts';

export const SEGMENT_HEADER_BYTES = 64;
const MAGIC = Buffer.from('f5535452415441fa', 'hex');
const FORMAT = 1;
const LOG_ID_BYTES = 16;

const AT_FORMAT = 8;
const AT_EPOCH = 12;
const AT_LOG_ID = 16;
const AT_NUMBER = 32;
const AT_FIRST = 38;
const AT_PREVIOUS_LENGTH = 44;
const AT_CREATED_AT = 50;
const AT_CRC = 60;

/** The first 64 bytes of a segment file; synced before the file has its name. */
export type SegmentHeader = {
  readonly logId: string;
  readonly epoch: number;
  /** From 1, without a gap. */
  readonly number: number;
  /** The offset of its first event. */
  readonly first: number;
  /** Up to where the previous segment counts; what it holds beyond was never acknowledged. 0 for the first segment. */
  readonly previousLength: number;
  readonly createdAt: number;
};

export function segmentPath(dir: string, number: number): string {
  return join(dir, `${String(number).padStart(8, '0')}.seg`);
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16LE(FORMAT, AT_FORMAT);
  bytes.writeUInt32LE(header.epoch, AT_EPOCH);
  bytes.write(header.logId, AT_LOG_ID, LOG_ID_BYTES, 'hex');
  writeNumber(bytes, AT_NUMBER, header.number);
  writeNumber(bytes, AT_FIRST, header.first);
  writeNumber(bytes, AT_PREVIOUS_LENGTH, header.previousLength);
  writeNumber(bytes, AT_CREATED_AT, header.createdAt);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, AT_CRC)), AT_CRC);
  return bytes;
}

/**
 * Reads a segment's header, or `null` where there is no such file. `first` is where it is expected to begin, for the message.
 * @throws log.corrupt, or log.unknown-format for a segment of a later version.
 */
export function readSegmentHeader(path: string, first: number): SegmentHeader | null {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    const length = readSync(fd, bytes, 0, SEGMENT_HEADER_BYTES, 0);
    if (length < SEGMENT_HEADER_BYTES) throw corrupt(first, path, 0, 'the segment header is cut short');
  } finally {
    closeSync(fd);
  }
  const intact = bytes.readUInt32LE(AT_CRC) === crc32c(bytes.subarray(0, AT_CRC));
  if (!intact || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw corrupt(first, path, 0, 'the segment header is not what was written');
  }
  const format = bytes.readUInt16LE(AT_FORMAT);
  if (format !== FORMAT) throw errors.error('log.unknown-format', `${path} has the segment format ${format}`);
  return {
    logId: bytes.toString('hex', AT_LOG_ID, AT_LOG_ID + LOG_ID_BYTES),
    epoch: bytes.readUInt32LE(AT_EPOCH),
    number: readNumber(bytes, AT_NUMBER),
    first: readNumber(bytes, AT_FIRST),
    previousLength: readNumber(bytes, AT_PREVIOUS_LENGTH),
    createdAt: readNumber(bytes, AT_CREATED_AT),
  };
}

/** Where the CRCs of a log's groups begin: a group of another log, or of another epoch, is never taken for one of this. */
export function crcSeed({ logId, epoch }: Pick<SegmentHeader, 'logId' | 'epoch'>): number {
  return crc32c(`${logId}.${epoch}`);
}
