import { corrupt } from './damage.ts';
import { EVENT_PREFIX_BYTES, FRAME_HEADER_BYTES, readUint32 } from './group.ts';
import { GroupWalk } from './group-walk.ts';
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

  #read(segment: Segment, entry: number): Block {
    const { map } = segment;
    const from = map.entry(entry);
    const next = entry + 1 < map.entries ? map.entry(entry + 1) : { offset: map.nextOffset, position: map.end };
    const bodies: Buffer[] = [];
    const places = new Uint32Array(2 * (next.offset - from.offset));
    const walk = new GroupWalk(segment.path, this.#seed, from.position, from.offset);
    let filled = 0;
    let base = 0;
    while (walk.nextPosition < next.position) {
      if (walk.next(next.position) !== 'group') {
        throw corrupt(walk.nextOffset, segment.path, walk.nextPosition, walk.damage || 'the file is cut short');
      }
      const body = Buffer.from(walk.bytes.subarray(walk.bodyStart, walk.bodyEnd));
      bodies.push(body);
      const { count, first } = walk.header;
      const end = fillPlaces(body, base, places, filled);
      if (end !== filled + 2 * count) throw corrupt(first, segment.path, walk.position, 'a group miscounts its events');
      filled = end;
      base += body.length;
    }
    const bytes = bodies.length === 1 ? bodies[0]! : Buffer.concat(bodies);
    return { bytes, first: from.offset, count: places.length / 2, places };
  }
}

/** Notes where the events of a group's body lie, `base` being where the body will stand. Returns where `places` is filled to. */
function fillPlaces(body: Buffer, base: number, places: Uint32Array, filled: number): number {
  let [at, place] = [0, filled];
  while (at < body.length) {
    const frameEnd = at + FRAME_HEADER_BYTES + readUint32(body, at);
    at += FRAME_HEADER_BYTES;
    while (at < frameEnd) {
      const start = at + EVENT_PREFIX_BYTES;
      at = start + readUint32(body, at);
      places[place++] = base + start;
      places[place++] = base + at;
    }
  }
  return place;
}

function sizeOf({ bytes, places }: Block): number {
  return bytes.length + places.byteLength;
}
