import { corrupt } from './damage.ts';
import { EVENT_PREFIX_BYTES, FRAME_HEADER_BYTES, GROUP_HEADER_BYTES, GroupHeader, readUint32 } from './group.ts';
import { readAt } from './group-walk.ts';
import type { Segment } from './segments.ts';

const CACHED_BYTES_MAX = 32 * 1024 * 1024;
/** Entries of a segment's map, at most, for the cache's keys. */
const ENTRIES_MAX = 2 ** 24;

/** Verified events of a run of groups, each found by its offset. */
export type Block = {
  readonly bytes: Buffer;
  readonly first: number;
  readonly count: number;
  /** Where event n begins (2n) and ends (2n + 1) in `bytes`. */
  readonly places: Uint32Array;
};

/** The runs of groups between two entries of a segment's map, read and verified once: the most recently used are kept. */
export class Blocks {
  readonly #seed: number;
  readonly #bytesMax: number;
  readonly #header = new GroupHeader();
  readonly #cached = new Map<number, Block>();
  #bytes = 0;

  constructor(seed: number, bytesMax = CACHED_BYTES_MAX) {
    this.#seed = seed;
    this.#bytesMax = bytesMax;
  }

  /**
   * The block with the event `offset`, which the segment's map has reached.
   * @throws log.corrupt
   */
  get(segment: Segment, offset: number): Block {
    const entry = segment.map.entryOf(offset);
    const key = segment.header.number * ENTRIES_MAX + entry;
    const cached = this.#cached.get(key);
    // The last run of a growing segment is read again once it has grown past what was read.
    if (cached !== undefined && offset < cached.first + cached.count) {
      this.#cached.delete(key);
      this.#cached.set(key, cached);
      return cached;
    }
    if (cached !== undefined) this.#forget(key, cached);
    const block = this.#read(segment, entry);
    this.#cached.set(key, block);
    this.#bytes += sizeOf(block);
    for (const [oldest, other] of this.#cached) {
      if (this.#bytes <= this.#bytesMax || other === block) break;
      this.#forget(oldest, other);
    }
    return block;
  }

  clear(): void {
    this.#cached.clear();
    this.#bytes = 0;
  }

  #forget(key: number, block: Block): void {
    this.#cached.delete(key);
    this.#bytes -= sizeOf(block);
  }

  #read({ map, path }: Segment, entry: number): Block {
    const from = map.entry(entry);
    const next = entry + 1 < map.entries ? map.entry(entry + 1) : { offset: map.nextOffset, position: map.end };
    const bytes = Buffer.allocUnsafeSlow(next.position - from.position);
    const length = readAt(path, bytes, from.position);
    const places = new Uint32Array(2 * (next.offset - from.offset));
    const header = this.#header;
    let [at, filled, offset] = [0, 0, from.offset];
    while (at < bytes.length) {
      const body = at + GROUP_HEADER_BYTES;
      const isHeader = body <= length && header.read(bytes, at, this.#seed) && header.first === offset;
      if (!isHeader || body + header.bodyLength > length || !header.isIntact(bytes, body, this.#seed)) {
        throw corrupt(offset, path, from.position + at, 'a group is not what was written');
      }
      at = body + header.bodyLength;
      filled = fillPlaces(bytes, body, at, places, filled);
      offset += header.count;
      if (filled !== 2 * (offset - from.offset))
        throw corrupt(header.first, path, body, 'a group miscounts its events');
    }
    return { bytes, first: from.offset, count: places.length / 2, places };
  }
}

/** Notes where the events of the body in [start, end) lie. Returns where `places` is filled to. */
function fillPlaces(bytes: Buffer, start: number, end: number, places: Uint32Array, filled: number): number {
  let [at, place] = [start, filled];
  while (at < end) {
    const frameEnd = at + FRAME_HEADER_BYTES + readUint32(bytes, at);
    at += FRAME_HEADER_BYTES;
    while (at < frameEnd) {
      const eventStart = at + EVENT_PREFIX_BYTES;
      at = eventStart + readUint32(bytes, at);
      places[place++] = eventStart;
      places[place++] = at;
    }
  }
  return place;
}

function sizeOf({ bytes, places }: Block): number {
  return bytes.length + places.byteLength;
}
