import { closeSync, openSync, readSync } from 'node:fs';
import { crc32c } from '@node-rs/crc32';
import { corrupt } from './damage.ts';
import { EVENT_PREFIX_BYTES, FRAME_HEADER_BYTES, GROUP_HEADER_BYTES, GroupHeader, readUint32 } from './group.ts';
import type { Segment } from './segments.ts';

const CACHED_BYTES_MAX = 32 * 1024 * 1024;
/** Events whose place and checksum are remembered once their group was verified: 12 bytes each. */
const KNOWN_EVENTS_MAX = 2_000_000;
const OPEN_FILES_MAX = 64;
const FIRST_SCRATCH_BYTES = 4096;
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

/** Where an event's bytes lie: valid until the next one is asked for. */
export type EventBytes = { readonly bytes: Buffer; readonly start: number; readonly end: number };

/** What is remembered of a block that is not kept: enough to read one event of it, and to know that it is what was verified. */
type KnownBlock = {
  readonly first: number;
  readonly count: number;
  /** Of each event: where it begins in the file, how long it is, and its CRC32C. */
  readonly events: Uint32Array;
};

/**
 * The runs of groups between two entries of a segment's map, read and verified once: the most recently used are kept. Of more
 * of them it is remembered where their events lie, because streams are read event by event from all over the log, and a group
 * is a hundred times as long as one.
 */
export class Blocks {
  readonly #seed: number;
  readonly #bytesMax: number;
  readonly #header = new GroupHeader();
  readonly #cached = new Map<number, Block>();
  readonly #known = new Map<number, KnownBlock>();
  readonly #files = new Map<string, number>();
  #bytes = 0;
  #knownEvents = 0;
  #scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH_BYTES);

  constructor(seed: number, bytesMax = CACHED_BYTES_MAX) {
    this.#seed = seed;
    this.#bytesMax = bytesMax;
  }

  /**
   * The bytes of the event `offset`, which the segment's map has reached.
   * @throws log.corrupt
   */
  event(segment: Segment, offset: number): EventBytes {
    const entry = segment.map.entryOf(offset);
    const key = segment.header.number * ENTRIES_MAX + entry;
    const known = this.#cached.has(key) ? undefined : this.#known.get(key);
    if (known !== undefined && offset < known.first + known.count) return this.#readKnown(segment, known, offset);
    const block = this.#get(segment, offset, entry, key);
    const at = 2 * (offset - block.first);
    return { bytes: block.bytes, start: block.places[at]!, end: block.places[at + 1]! };
  }

  #get(segment: Segment, offset: number, entry: number, key: number): Block {
    const cached = this.#cached.get(key);
    // The last run of a growing segment is read again once it has grown past what was read.
    if (cached !== undefined && offset < cached.first + cached.count) {
      this.#cached.delete(key);
      this.#cached.set(key, cached);
      return cached;
    }
    if (cached !== undefined) this.#forget(key, cached);
    const block = this.#read(segment, entry);
    this.#remember(key, block, segment.map.entry(entry).position);
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
    this.#known.clear();
    this.#knownEvents = 0;
    for (const descriptor of this.#files.values()) closeSync(descriptor);
    this.#files.clear();
  }

  #remember(key: number, { bytes, first, count, places }: Block, position: number): void {
    this.#knownEvents -= this.#known.get(key)?.count ?? 0;
    this.#known.delete(key);
    const events = new Uint32Array(3 * count);
    for (let event = 0; event < count; event += 1) {
      const [start, end] = [places[2 * event]!, places[2 * event + 1]!];
      events[3 * event] = position + start;
      events[3 * event + 1] = end - start;
      events[3 * event + 2] = crc32c(bytes.subarray(start, end));
    }
    this.#known.set(key, { first, count, events });
    this.#knownEvents += count;
    for (const [oldest, known] of this.#known) {
      if (this.#knownEvents <= KNOWN_EVENTS_MAX || oldest === key) break;
      this.#known.delete(oldest);
      this.#knownEvents -= known.count;
    }
  }

  #readKnown({ path }: Segment, { first, events }: KnownBlock, offset: number): EventBytes {
    const at = 3 * (offset - first);
    const [position, length, crc] = [events[at]!, events[at + 1]!, events[at + 2]!];
    if (this.#scratch.length < length) this.#scratch = Buffer.allocUnsafeSlow(2 * length);
    const bytes = this.#scratch;
    const read = readSync(this.#descriptor(path), bytes, 0, length, position);
    if (read !== length || crc32c(bytes.subarray(0, length)) !== crc) {
      throw corrupt(offset, path, position, 'an event is not what was read before');
    }
    return { bytes, start: 0, end: length };
  }

  #descriptor(path: string): number {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    for (const [other, descriptor] of this.#files) {
      if (this.#files.size < OPEN_FILES_MAX) break;
      closeSync(descriptor);
      this.#files.delete(other);
    }
    const descriptor = openSync(path, 'r');
    this.#files.set(path, descriptor);
    return descriptor;
  }

  #forget(key: number, block: Block): void {
    this.#cached.delete(key);
    this.#bytes -= sizeOf(block);
  }

  #read({ map, path }: Segment, entry: number): Block {
    const from = map.entry(entry);
    const next = entry + 1 < map.entries ? map.entry(entry + 1) : { offset: map.nextOffset, position: map.end };
    const bytes = Buffer.allocUnsafeSlow(next.position - from.position);
    const length = readSync(this.#descriptor(path), bytes, 0, bytes.length, from.position);
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
