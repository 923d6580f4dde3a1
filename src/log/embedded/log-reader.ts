import { hash } from 'node:crypto';
import type { Codec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import type { EventView } from '#events/event-view.ts';
import type { LogReader } from '#log/log-reader.ts';
import { assert } from '../../assert.ts';
import { Blocks } from './blocks.ts';
import { corrupt } from './damage.ts';
import { EVENT_PREFIX_BYTES, FRAME_HEADER_BYTES, GROUP_HEADER_BYTES, readUint32 } from './group.ts';
import { GroupWalk } from './group-walk.ts';
import { requireSegments, type Segment, type Segments } from './segments.ts';

const PARTITION = 0;
/** Places where visits stopped: as many callers can go on in turns. */
const RESUMES_MAX = 4;

/**
 * Opens a log's segments for reading, on any thread and beside the process that writes: it takes no lock.
 * @throws log.corrupt, log.unknown-format.
 */
export function openLogReader(dir: string, codec: Codec): SegmentReader {
  return new SegmentReader(requireSegments(dir), codec);
}

/** Where a visit stopped: the next one mostly goes on there. */
type Resume = {
  readonly walk: GroupWalk;
  readonly segment: Segment;
  readonly view: EventView;
  /** The next event: `at` is where its frame's remaining events begin in the walk's bytes, up to `frameEnd`. */
  offset: number;
  at: number;
  frameEnd: number;
};

/** Reads events out of segment files, each group verified before any event of it is handed out. */
export class SegmentReader implements LogReader {
  readonly #segments: Segments;
  readonly #codec: Codec;
  readonly #blocks: Blocks;
  readonly #view: EventView;
  /** The highest offset that a caller said is synced: which segment holds what lies below does not change any more. */
  #known = 0;
  readonly #resumes: Resume[] = [];

  constructor(segments: Segments, codec: Codec) {
    this.#segments = segments;
    this.#codec = codec;
    this.#blocks = new Blocks(segments.seed);
    this.#view = codec.view();
  }

  get id(): string {
    return this.#segments.header.logId;
  }

  get epoch(): number {
    return this.#segments.header.epoch;
  }

  visit(after: number, to: number, visit: (event: RecordedEvent) => void): number {
    if (to <= after) return 0;
    this.#reach(to);
    // Taken, so that a visitor may visit too.
    const found = this.#resumes.findIndex(({ offset }) => offset === after + 1);
    let resume = found === -1 ? this.#seek(after + 1) : this.#resumes.splice(found, 1)[0]!;
    let bytes = 0;
    while (resume.offset <= to) {
      if (resume.at === resume.walk.bodyEnd) {
        if (resume.offset > resume.segment.last) resume = this.#seek(resume.offset);
        else this.#nextGroup(resume);
      }
      bytes += visitGroup(resume, to, visit);
    }
    this.#resumes.push(resume);
    if (this.#resumes.length > RESUMES_MAX) this.#resumes.shift();
    return bytes;
  }

  at(offset: number): RecordedEvent {
    return this.#viewAt(offset).toRecorded();
  }

  hashAt(offset: number): string {
    return hash('sha256', this.#viewAt(offset).bytes, 'hex');
  }

  offsetAtTime(timeMs: number, to: number): number {
    if (to === 0) return 0;
    this.#reach(to);
    let [low, high] = [0, this.#segments.indexOf(to) + 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firstRecordedAt(middle, to) <= timeMs) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const segment = this.#segments.at(low - 1);
    const { map } = segment;
    this.#extend(segment, Math.min(to, segment.last));
    const entry = map.entryAtTime(timeMs);
    const next = entry + 1 < map.entries ? map.entry(entry + 1).offset : map.nextOffset;
    const { offset: first } = map.entry(entry);
    const end = Math.min(next, to + 1);
    // A replica's events are in the order of its engine, and their times go up and down a little.
    for (let offset = first; offset < end; offset += 1) {
      if (this.#viewAt(offset).recordedAt > timeMs) return offset - 1;
    }
    return end - 1;
  }

  /** The latest time at which an event up to a synced offset was recorded; 0 for none. */
  latestAt(offset: number): number {
    if (offset === 0) return 0;
    this.#reach(offset);
    const segment = this.#segments.at(this.#segments.indexOf(offset));
    this.#extend(segment, offset);
    const entry = segment.map.entry(segment.map.entryOf(offset));
    let latestAt = entry.recordedAt;
    this.visit(entry.offset - 1, offset, ({ recordedAt }) => {
      latestAt = Math.max(latestAt, recordedAt);
    });
    return latestAt;
  }

  close(): void {
    this.#blocks.clear();
    this.#resumes.length = 0;
  }

  /** When the segment's first event was recorded; never, for one that has none up to `to`. */
  #firstRecordedAt(index: number, to: number): number {
    const segment = this.#segments.at(index);
    if (segment.first > Math.min(to, segment.last)) return Number.POSITIVE_INFINITY;
    this.#extend(segment, segment.first);
    return segment.map.entry(0).recordedAt;
  }

  /** The shared view on the event at a synced offset: valid until the next one. */
  #viewAt(offset: number): EventView {
    assert(Number.isSafeInteger(offset) && offset >= 1, 'offsets begin at 1');
    this.#reach(offset);
    const segment = this.#segments.at(this.#segments.indexOf(offset));
    this.#extend(segment, offset);
    const { bytes, start, end } = this.#blocks.event(segment, offset);
    return this.#view.move(bytes, start, end, PARTITION, offset);
  }

  /** Looks for segments that were begun since, before anything up to `to` is read for the first time. */
  #reach(to: number): void {
    if (to <= this.#known) return;
    this.#segments.refresh();
    for (const { walk } of this.#resumes) walk.forgetAhead();
    this.#known = to;
  }

  /** Walks on until the segment's map covers the offset. */
  #extend(segment: Segment, offset: number): void {
    const { map } = segment;
    if (map.nextOffset > offset) return;
    const walk = new GroupWalk(segment.path, this.#segments.seed, map.end, map.nextOffset);
    while (map.nextOffset <= offset) {
      if (walk.next(segment.lengthBytes) !== 'group') throw damaged(segment, walk);
      mapGroup(segment, walk);
    }
  }

  /** Stands before the group that holds the offset, whose earlier events are skipped. */
  #seek(offset: number): Resume {
    const segment = this.#segments.at(this.#segments.indexOf(offset));
    const { map } = segment;
    const entry = map.entryOf(offset);
    const from =
      offset >= map.nextOffset || entry === -1 ? { offset: map.nextOffset, position: map.end } : map.entry(entry);
    const walk = new GroupWalk(segment.path, this.#segments.seed, from.position, from.offset);
    const resume = { walk, segment, view: this.#codec.view(), offset: from.offset, at: 0, frameEnd: 0 };
    do this.#nextGroup(resume);
    while (walk.nextOffset <= offset);
    visitGroup(resume, offset - 1, () => undefined);
    return resume;
  }

  #nextGroup(resume: Resume): void {
    const { walk, segment } = resume;
    if (walk.next(segment.lengthBytes) !== 'group') throw damaged(segment, walk);
    mapGroup(segment, walk);
    resume.offset = walk.header.first;
    resume.at = walk.bodyStart;
    resume.frameEnd = walk.bodyStart;
  }
}

function damaged(segment: Segment, walk: GroupWalk): Error {
  return corrupt(walk.nextOffset, segment.path, walk.nextPosition, walk.damage || 'the file is cut short');
}

/** The walk knows the next group's place anyway: what it passes needs no other walk. */
function mapGroup({ map }: Segment, { header, position }: GroupWalk): void {
  if (position !== map.end) return;
  map.add(header.first, header.count, position, GROUP_HEADER_BYTES + header.bodyLength, header.recordedAt);
}

/** Visits the group's events from where the walk stands up to `to`; returns how many bytes they have. The hot loop. */
function visitGroup(resume: Resume, to: number, visit: (event: RecordedEvent) => void): number {
  const { walk, view } = resume;
  const { bytes, bodyEnd } = walk;
  let { offset, at, frameEnd } = resume;
  const from = at;
  while (at < bodyEnd && offset <= to) {
    if (at === frameEnd) {
      frameEnd = at + FRAME_HEADER_BYTES + readUint32(bytes, at);
      at += FRAME_HEADER_BYTES;
    }
    const start = at + EVENT_PREFIX_BYTES;
    const end = start + readUint32(bytes, at);
    assert(end <= frameEnd && frameEnd <= bodyEnd, 'an event ends within its frame, and a frame within its group');
    visit(view.move(bytes, start, end, PARTITION, offset));
    offset += 1;
    at = end;
  }
  resume.offset = offset;
  resume.at = at;
  resume.frameEnd = frameEnd;
  return at - from;
}
