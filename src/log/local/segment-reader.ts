import { hash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { Codec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import type { EventView } from '#events/event-view.ts';
import { assert } from '../../assert.ts';
import { errors, type StrataError } from '../../errors.ts';
import type { LogReader } from '../log-reader.ts';
import {
  EVENT_LENGTH_BYTES,
  FRAME_HEADER_BYTES,
  GROUP_HEADER_BYTES,
  isGroupValid,
  readGroupHeader,
  SEGMENT_HEADER_BYTES,
} from './format.ts';
import { listSegments, type Segment } from './segment-list.ts';

/** Bytes read at once when reading on and on. */
const CHUNK_BYTES = 1024 * 1024;
/** Groups between two entries of the sparse index have about so many bytes. */
const BLOCK_BYTES = 32 * 1024;
const CACHED_BLOCKS_MAX = 1024;
/** File systems stamp with the kernel's tick. */
const FOLDER_CLOCK_GRAIN_MS = 50;

/** The sparse index of one segment: where the first group of each block begins. */
type SparseIndex = { readonly offsets: number[]; readonly positions: number[]; end: number; nextOffset: number };

/** Verified groups in memory, with where each event stands. */
type Block = { readonly bytes: Buffer; readonly first: number; readonly starts: number[]; readonly ends: number[] };

type OpenSegment = Segment & { readonly fd: number; readonly index: SparseIndex };

/** Reads the segment files of one folder; see `LogReader`. */
export class SegmentReader implements LogReader {
  readonly #dir: string;
  readonly #view: EventView;
  readonly #blocks = new Map<string, Block>();
  #segments: OpenSegment[] = [];
  /** Synced as far as callers have told: nothing after it is looked at, for it may be cut off yet. */
  #synced = 0;
  #changedMs = 0;
  #isSettled = false;

  constructor(dir: string, codec: Codec) {
    this.#dir = dir;
    this.#view = codec.view();
    this.#refresh();
  }

  get id(): string {
    return this.#first().header.logId;
  }

  get epoch(): number {
    return this.#first().header.epoch;
  }

  visit(after: number, to: number, visit: (event: EventView) => void): number {
    this.#learn(to);
    let bytesRead = 0;
    let next = after + 1;
    while (next <= to) {
      const segment = this.#segmentOf(next);
      const last = Math.min(to, this.#lastOffsetOf(segment));
      assert(last >= next, 'a segment holds what its name says');
      bytesRead += this.#visitSegment(segment, next, last, visit);
      next = last + 1;
    }
    return bytesRead;
  }

  at(offset: number): RecordedEvent {
    return this.#attach(offset).toRecorded();
  }

  hashAt(offset: number): string {
    return hash('sha256', this.#attach(offset).bytes, 'hex');
  }

  offsetAtTime(timeMs: number, to: number): number {
    let low = 0;
    let high = to;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#attach(middle).recordedAt <= timeMs) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  close(): void {
    for (const { fd } of this.#segments) closeSync(fd);
    this.#segments = [];
    this.#blocks.clear();
  }

  #first(): OpenSegment {
    const first = this.#segments[0];
    if (first === undefined) throw errors.error('log.closed', `there is no log in ${this.#dir}`);
    return first;
  }

  /** What is synced lies in segments that were there before: so this is when to look for new ones. */
  #learn(synced: number): void {
    if (synced <= this.#synced) return;
    this.#synced = synced;
    this.#refresh();
  }

  #refresh(): void {
    const { mtimeMs } = statSync(this.#dir);
    if (mtimeMs === this.#changedMs && this.#isSettled) return;
    // Two changes within the clock's grain leave one time: until it has passed, the folder is listed again.
    this.#isSettled = Date.now() - mtimeMs > FOLDER_CLOCK_GRAIN_MS;
    this.#changedMs = mtimeMs;

    const last = this.#segments.pop();
    // A segment without events may have been replaced by another of the same name.
    if (last !== undefined && last.index.nextOffset > last.header.firstOffset) this.#segments.push(last);
    else if (last !== undefined) closeSync(last.fd);
    const known = new Map(this.#segments.map((segment) => [segment.header.firstOffset, segment]));
    const headers = new Map(this.#segments.map(({ header }) => [header.firstOffset, header]));
    this.#segments = listSegments(this.#dir, headers).map((segment) => {
      const opened = known.get(segment.header.firstOffset);
      if (opened !== undefined) return { ...opened, validBytes: segment.validBytes };
      const index = { offsets: [], positions: [], end: SEGMENT_HEADER_BYTES, nextOffset: segment.header.firstOffset };
      return { ...segment, fd: openSync(segment.path, 'r'), index };
    });
  }

  #segmentOf(offset: number): OpenSegment {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#segments[middle]!.header.firstOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#segments[low] ?? this.#first();
  }

  /** The last offset that may be read from the segment. */
  #lastOffsetOf(segment: OpenSegment): number {
    const next = this.#segments[this.#segments.indexOf(segment) + 1];
    return next === undefined ? this.#synced : Math.min(this.#synced, next.header.firstOffset - 1);
  }

  #visitSegment(segment: OpenSegment, from: number, to: number, visit: (event: EventView) => void): number {
    let position = this.#seek(segment, from, to);
    let bytesRead = 0;
    for (let next = from; next <= to; ) {
      const chunk = this.#readGroups(segment, position, CHUNK_BYTES, next);
      bytesRead += chunk.length;
      let at = 0;
      for (
        let header = readGroupHeader(chunk, at);
        header !== null && next <= to;
        header = readGroupHeader(chunk, at)
      ) {
        const end = at + GROUP_HEADER_BYTES + header.bodyBytes;
        if (end > chunk.length) break;
        if (!isGroupValid(chunk, at, header)) throw this.#corrupt(segment, next, position + at);
        if (header.firstOffset > next) throw this.#corrupt(segment, next, position + at);
        this.#eachEvent(chunk, at, end, header.firstOffset, (start, stop, offset) => {
          if (offset < from || offset > to) return;
          visit(this.#view.move(chunk, start, stop, 0, offset));
        });
        next = Math.max(next, header.firstOffset + header.events);
        at = end;
      }
      if (at === 0) throw this.#corrupt(segment, next, position);
      position += at;
    }
    return bytesRead;
  }

  /** Calls back with where each event of the group stands. */
  #eachEvent(
    bytes: Buffer,
    groupAt: number,
    groupEnd: number,
    firstOffset: number,
    callback: (start: number, end: number, offset: number) => void,
  ): void {
    let offset = firstOffset;
    for (let at = groupAt + GROUP_HEADER_BYTES; at < groupEnd; ) {
      const frameEnd = at + 4 + bytes.readUInt32BE(at);
      at += FRAME_HEADER_BYTES;
      while (at < frameEnd) {
        const start = at + EVENT_LENGTH_BYTES;
        at = start + bytes.readUInt32BE(at);
        callback(start, at, offset);
        offset += 1;
      }
    }
  }

  #attach(offset: number): EventView {
    this.#learn(offset);
    const segment = this.#segmentOf(offset);
    const block = this.#blockOf(segment, offset);
    const index = offset - block.first;
    const start = block.starts[index];
    if (start === undefined) throw this.#corrupt(segment, offset, block.first);
    return this.#view.move(block.bytes, start, block.ends[index]!, 0, offset);
  }

  #blockOf(segment: OpenSegment, offset: number): Block {
    const last = this.#lastOffsetOf(segment);
    this.#index(segment, Math.min(offset + 1, last));
    const entry = entryOf(segment.index, offset);
    const name = `${segment.header.firstOffset}/${segment.index.positions[entry]}`;
    let block = this.#blocks.get(name);
    if (block === undefined || offset >= block.first + block.starts.length) {
      block = this.#readBlock(segment, entry, last);
      if (this.#blocks.size >= CACHED_BLOCKS_MAX) this.#blocks.delete(this.#blocks.keys().next().value!);
    } else {
      this.#blocks.delete(name);
    }
    this.#blocks.set(name, block);
    return block;
  }

  #readBlock(segment: OpenSegment, entry: number, last: number): Block {
    const { index } = segment;
    const position = index.positions[entry]!;
    const end = index.positions[entry + 1] ?? index.end;
    const bytes = this.#readExactly(segment, position, end - position);
    const block: Block = { bytes, first: index.offsets[entry]!, starts: [], ends: [] };
    for (let at = 0; at < bytes.length; ) {
      const header = readGroupHeader(bytes, at);
      const expected = block.first + block.starts.length;
      if (
        header === null ||
        !isGroupValid(bytes, at, header) ||
        (header.events > 0 && header.firstOffset !== expected)
      ) {
        throw this.#corrupt(segment, expected, position + at);
      }
      // A group is synced whole.
      if (header.firstOffset > last) break;
      const groupEnd = at + GROUP_HEADER_BYTES + header.bodyBytes;
      this.#eachEvent(bytes, at, groupEnd, header.firstOffset, (start, stop) => {
        block.starts.push(start);
        block.ends.push(stop);
      });
      at = groupEnd;
    }
    return block;
  }

  /** The position of the block that holds `offset`, which is at most `to`. */
  #seek(segment: OpenSegment, offset: number, to: number): number {
    if (offset === segment.header.firstOffset) return SEGMENT_HEADER_BYTES;
    this.#index(segment, Math.min(offset + 1, to));
    return segment.index.positions[entryOf(segment.index, offset)]!;
  }

  /** Extends the sparse index until it covers `offset`, which must be synced. */
  #index(segment: OpenSegment, offset: number): void {
    const { index } = segment;
    while (index.nextOffset <= offset) {
      const chunk = this.#readGroups(segment, index.end, CHUNK_BYTES, index.nextOffset);
      let at = 0;
      while (index.nextOffset <= offset) {
        const header = readGroupHeader(chunk, at);
        if (header === null || at + GROUP_HEADER_BYTES + header.bodyBytes > chunk.length) break;
        if (header.events > 0 && header.firstOffset !== index.nextOffset)
          throw this.#corrupt(segment, index.nextOffset, index.end + at);
        if (index.end + at - (index.positions.at(-1) ?? -BLOCK_BYTES) >= BLOCK_BYTES) {
          index.positions.push(index.end + at);
          index.offsets.push(index.nextOffset);
        }
        index.nextOffset += header.events;
        at += GROUP_HEADER_BYTES + header.bodyBytes;
      }
      if (at === 0) throw this.#corrupt(segment, index.nextOffset, index.end);
      index.end += at;
    }
  }

  /** Bytes from `position` on with at least one whole group, if one is there. */
  #readGroups(segment: OpenSegment, position: number, bytesWanted: number, offset: number): Buffer {
    const chunk = this.#readSome(segment, position, bytesWanted);
    const header = readGroupHeader(chunk, 0);
    if (header === null) throw this.#corrupt(segment, offset, position);
    const needed = GROUP_HEADER_BYTES + header.bodyBytes;
    return chunk.length >= needed ? chunk : this.#readExactly(segment, position, needed);
  }

  #readSome(segment: OpenSegment, position: number, bytesWanted: number): Buffer {
    const most = segment.validBytes === null ? bytesWanted : Math.min(bytesWanted, segment.validBytes - position);
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, most));
    let read = 0;
    while (read < bytes.length) {
      const more = readSync(segment.fd, bytes, read, bytes.length - read, position + read);
      if (more === 0) break;
      read += more;
    }
    return bytes.subarray(0, read);
  }

  #readExactly(segment: OpenSegment, position: number, bytesWanted: number): Buffer {
    const bytes = this.#readSome(segment, position, bytesWanted);
    if (bytes.length < bytesWanted) throw this.#corrupt(segment, segment.header.firstOffset, position);
    return bytes;
  }

  #corrupt(segment: OpenSegment, offset: number, position: number): StrataError {
    return errors.error('log.corrupt', `at position ${offset}: damage in ${segment.path} near byte ${position}`);
  }
}

function entryOf(index: SparseIndex, offset: number): number {
  let low = 0;
  let high = index.offsets.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (index.offsets[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Opens the log in the folder for reading, on any thread. @throws log.corrupt */
export function openLogReader(dir: string, codec: Codec): LogReader {
  return new SegmentReader(dir, codec);
}
