import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { errors } from '../../errors.ts';
import { firstOffsetOf, readSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader, segmentName } from './format.ts';

/** A segment file as its own header and the next one's tell. */
export type Segment = {
  readonly path: string;
  readonly header: SegmentHeader;
  /** How many of its bytes count: given by the next segment's header; `null` for the last one. */
  readonly validBytes: number | null;
};

/**
 * The log's segments in order. Headers that are known are not read again.
 * @throws log.corrupt where a header is damaged or the chain of headers is broken.
 */
export function listSegments(dir: string, known: ReadonlyMap<number, SegmentHeader> = new Map()): Segment[] {
  const firsts = readdirSync(dir)
    .map(firstOffsetOf)
    .filter((first) => first !== null)
    .sort((a, b) => a - b);
  const headers = firsts.map((first) => known.get(first) ?? readHeaderOf(dir, first));
  return headers.map((header, at) => {
    const before = headers[at - 1];
    const next = headers[at + 1];
    const isChained =
      before === undefined
        ? header.previousFirst === 0
        : header.previousFirst === before.firstOffset && header.logId === before.logId && header.epoch === before.epoch;
    if (!isChained) throw corruptHeader(dir, header.firstOffset, 'does not follow the segment before it');
    return { path: join(dir, segmentName(header.firstOffset)), header, validBytes: next?.previousBytes ?? null };
  });
}

function readHeaderOf(dir: string, first: number): SegmentHeader {
  const fd = openSync(join(dir, segmentName(first)), 'r');
  try {
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    const read = readSync(fd, bytes, 0, bytes.length, 0);
    const header = readSegmentHeader(bytes.subarray(0, read));
    if (header === null) throw corruptHeader(dir, first, 'has a damaged header');
    if (header.firstOffset !== first)
      throw corruptHeader(dir, first, `has the header of segment ${header.firstOffset}`);
    return header;
  } finally {
    closeSync(fd);
  }
}

function corruptHeader(dir: string, first: number, what: string) {
  return errors.error('log.corrupt', `at position ${first}: ${join(dir, segmentName(first))} ${what}`);
}
