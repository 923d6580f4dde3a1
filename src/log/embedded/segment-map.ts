import { readFileSync } from 'node:fs';
import { crc32c } from '@node-rs/crc32';
import { assert } from '../../assert.ts';
import { SEGMENT_HEADER_BYTES, type SegmentHeader } from './segment-header.ts';

/** An entry is made at most every so many bytes. */
const ENTRY_EVERY_BYTES = 32 * 1024;
const MAGIC = Buffer.from('STRATAIX');
const AT_LOG_ID = 8;
const AT_NUMBER = 24;
const AT_FIRST = 32;
const AT_ENTRIES = 40;
const ENTRY_BYTES = 24;

/** Where a run of groups begins: its first offset, its place in the file, and the latest time up to its first event. */
export type MapEntry = { readonly offset: number; readonly position: number; readonly recordedAt: number };

/**
 * A segment's sparse index: about two thousand entries for 64 MiB. Derived data: kept in memory while the segment grows, and
 * beside it as `.idx` once it is full, or a prefix of it.
 */
export class SegmentMap {
  readonly #offsets: number[] = [];
  readonly #positions: number[] = [];
  readonly #times: number[] = [];
  /** Up to where groups were added: the next one's place and first offset. */
  end = SEGMENT_HEADER_BYTES;
  nextOffset: number;

  constructor(first: number) {
    this.nextOffset = first;
  }

  get entries(): number {
    return this.#offsets.length;
  }

  /** Takes note of the next group. */
  add(first: number, count: number, position: number, sizeBytes: number, recordedAt: number): void {
    assert(first === this.nextOffset && position === this.end, 'groups are mapped in order');
    const last = this.#positions.at(-1);
    if (count > 0 && (last === undefined || position - last >= ENTRY_EVERY_BYTES)) {
      this.#offsets.push(first);
      this.#positions.push(position);
      this.#times.push(recordedAt);
    }
    this.nextOffset = first + count;
    this.end = position + sizeBytes;
  }

  entry(at: number): MapEntry {
    return { offset: this.#offsets[at]!, position: this.#positions[at]!, recordedAt: this.#times[at]! };
  }

  /** The last entry whose offset is at or before `offset`; -1 before the first. */
  entryOf(offset: number): number {
    return lastAtMost(this.#offsets, offset);
  }

  /** The last entry that begins at or before the time; -1 before the first. */
  entryAtTime(timeMs: number): number {
    return lastAtMost(this.#times, timeMs);
  }

  /** The `.idx` file's bytes. */
  encode({ logId, number, first }: SegmentHeader): Buffer {
    const bytes = Buffer.alloc(AT_ENTRIES + this.entries * ENTRY_BYTES + 4);
    MAGIC.copy(bytes);
    bytes.write(logId, AT_LOG_ID, 'hex');
    bytes.writeDoubleLE(number, AT_NUMBER);
    bytes.writeDoubleLE(first, AT_FIRST);
    for (let at = 0; at < this.entries; at += 1) {
      const base = AT_ENTRIES + at * ENTRY_BYTES;
      bytes.writeDoubleLE(this.#offsets[at]!, base);
      bytes.writeDoubleLE(this.#positions[at]!, base + 8);
      bytes.writeDoubleLE(this.#times[at]!, base + 16);
    }
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, -4)), bytes.length - 4);
    return bytes;
  }

  /**
   * The map that an `.idx` file holds, up to its last entry; what comes after is to be added by walking on from there. An
   * empty one where the file is missing, damaged, or of another segment: it is made from the segment again.
   */
  static load(path: string, { logId, number, first }: SegmentHeader): SegmentMap {
    const map = new SegmentMap(first);
    let bytes: Buffer;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return map;
      throw error;
    }
    const entries = (bytes.length - AT_ENTRIES - 4) / ENTRY_BYTES;
    if (!Number.isInteger(entries) || entries < 1) return map;
    const isIntact = crc32c(bytes.subarray(0, -4)) === bytes.readUInt32LE(bytes.length - 4);
    const isOfSegment =
      bytes.toString('hex', AT_LOG_ID, AT_NUMBER) === logId &&
      bytes.readDoubleLE(AT_NUMBER) === number &&
      bytes.readDoubleLE(AT_FIRST) === first;
    if (!isIntact || !isOfSegment) return map;
    for (let at = 0; at < entries; at += 1) {
      const base = AT_ENTRIES + at * ENTRY_BYTES;
      map.#offsets.push(bytes.readDoubleLE(base));
      map.#positions.push(bytes.readDoubleLE(base + 8));
      map.#times.push(bytes.readDoubleLE(base + 16));
    }
    // Where the last entry's run ends is not in the file: it is walked again.
    map.nextOffset = map.#offsets.pop()!;
    map.end = map.#positions.pop()!;
    map.#times.pop();
    return map;
  }
}

/** Where the last of the sorted values that is at most `value` stands; -1 where there is none. */
function lastAtMost(values: readonly number[], value: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function mapPath(segmentPath: string): string {
  return segmentPath.replace(/\.seg$/, '.idx');
}
