import { setImmediate } from 'node:timers/promises';
import type { Codec } from '#events/encoding.ts';
import type { EventView } from '#events/event-view.ts';
import { EVENT_PREFIX_BYTES, FRAME_HEADER_BYTES, GROUP_HEADER_BYTES, readUint32 } from '#log/embedded/group.ts';
import { GroupWalk } from '#log/embedded/group-walk.ts';
import { crcSeed, SEGMENT_HEADER_BYTES, type SegmentHeader } from '#log/embedded/segment-header.ts';
import { isStrataError } from '../errors.ts';
import type { Findings } from './findings.ts';

const PARTITION = 0;
/** Ids that are remembered: the same id twice comes from a write that was sent again, soon after. */
const IDS_MAX = 500_000;
/** Groups looked at between two turns of the event loop: some ms. */
const GROUPS_A_TURN = 64;

export type CheckedSegment = {
  readonly header: SegmentHeader;
  /** The file that holds it, and what to call that. */
  readonly path: string;
  readonly name: string;
  /** Up to where it counts. */
  readonly lengthBytes: number;
};

/** Where a stream's last event is. */
export type StreamEnd = { revision: number; offset: number };

/** Looks through a log's segments in order: groups and CRCs, frames, offsets, revisions, times and ids. */
export class LogCheck {
  readonly streams = new Map<string, StreamEnd>();
  events = 0;
  bytes = 0;
  readonly #findings: Findings;
  readonly #view: EventView;
  readonly #onEvent: (event: EventView) => void;
  #ids = new Set<string>();
  #olderIds = new Set<string>();
  #next = 1;
  #latestAt = 0;
  #hasGap = false;

  constructor(codec: Codec, findings: Findings, onEvent: (event: EventView) => void) {
    this.#findings = findings;
    this.#view = codec.view();
    this.#onEvent = onEvent;
  }

  /** Looks through the next segment. `onBytes` is told of what was read. */
  async add({ header, path, name, lengthBytes }: CheckedSegment, onBytes: (bytes: number) => void): Promise<void> {
    if (header.first !== this.#next) {
      // What was there is damaged or missing: streams may go on anywhere.
      this.#hasGap = true;
      this.streams.clear();
      if (header.first < this.#next) this.#found(`the segment begins at ${header.first}`, this.#next, name, 0);
    }
    this.#next = header.first;
    const walk = new GroupWalk(path, crcSeed(header), SEGMENT_HEADER_BYTES, header.first);
    let told = 0;
    for (let groups = 1; walk.nextPosition < lengthBytes; groups += 1) {
      if (walk.next(lengthBytes) !== 'group') {
        this.#found(walk.damage || 'the file is cut short', walk.nextOffset, name, walk.nextPosition);
        break;
      }
      this.#checkGroup(walk, name);
      onBytes(walk.nextPosition - told);
      told = walk.nextPosition;
      if (groups % GROUPS_A_TURN === 0) await setImmediate();
    }
    this.bytes += walk.nextPosition;
    this.#next = walk.nextOffset;
  }

  #checkGroup(walk: GroupWalk, name: string): void {
    const { bytes, header, bodyStart, bodyEnd } = walk;
    // What is found by its time is found by the groups' times, which never fall.
    if (header.recordedAt < this.#latestAt) {
      this.#found('a group was recorded earlier than the one before', header.first, name, walk.position);
    }
    this.#latestAt = header.recordedAt;
    let [at, offset] = [bodyStart, header.first];
    while (at < bodyEnd) {
      const frameEnd = at + FRAME_HEADER_BYTES + readUint32(bytes, at);
      let eventAt = at + FRAME_HEADER_BYTES;
      while (eventAt < frameEnd && frameEnd <= bodyEnd) {
        const start = eventAt + EVENT_PREFIX_BYTES;
        const end = start + readUint32(bytes, eventAt);
        if (end > frameEnd) break;
        this.#checkEvent(bytes, start, end, offset, name, walk.position + GROUP_HEADER_BYTES + start - bodyStart);
        eventAt = end;
        offset += 1;
      }
      if (eventAt !== frameEnd) {
        this.#found('a write is not what its length says', offset, name, walk.position);
        return;
      }
      at = frameEnd;
    }
    const counted = offset - header.first;
    if (counted !== header.count) {
      this.#found(`a group counts ${header.count} events and holds ${counted}`, header.first, name, walk.position);
    }
  }

  #checkEvent(bytes: Buffer, start: number, end: number, offset: number, name: string, byte: number): void {
    this.events += 1;
    const view = this.#view;
    try {
      view.move(bytes, start, end, PARTITION, offset);
    } catch (error) {
      if (!isStrataError(error)) throw error;
      this.#found(error.message, offset, name, byte);
      return;
    }
    const { stream, revision, id } = view;
    const before = this.#endOf(stream, revision);
    if (revision !== before.revision + 1) {
      this.#found(`${stream} goes from revision ${before.revision} to ${revision}`, offset, name, byte);
    }
    before.revision = revision;
    before.offset = offset;
    if (this.#isKnownId(id)) this.#found(`the id ${id} was there before`, offset, name, byte);
    try {
      this.#onEvent(view);
    } catch (error) {
      // Of a version that this Strata does not know: another one wrote it.
      if (!isStrataError(error)) throw error;
      this.#found(error.message, offset, name, byte);
    }
  }

  /** The stream as it was before the revision; after a gap, as it must have been. */
  #endOf(stream: string, revision: number): StreamEnd {
    let end = this.streams.get(stream);
    if (end === undefined) {
      end = { revision: this.#hasGap ? revision - 1 : -1, offset: 0 };
      this.streams.set(stream, end);
    }
    return end;
  }

  /** Remembers the last ids, in two halves of which the older one is dropped. */
  #isKnownId(id: string): boolean {
    if (this.#ids.has(id) || this.#olderIds.has(id)) return true;
    this.#ids.add(id);
    if (this.#ids.size >= IDS_MAX) {
      this.#olderIds = this.#ids;
      this.#ids = new Set();
    }
    return false;
  }

  #found(problem: string, position: number, file: string, byte: number): void {
    this.#findings.add({ part: 'log', problem, position, file, byte });
  }
}
