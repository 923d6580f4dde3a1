import { readdirSync, statSync } from 'node:fs';
import { errors } from '../../errors.ts';
import { corrupt } from './damage.ts';
import { crcSeed, readSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader, segmentPath } from './segment-header.ts';
import { mapPath, SegmentMap } from './segment-map.ts';

/** A segment file that others may follow. */
export class Segment {
  readonly header: SegmentHeader;
  readonly path: string;
  /** Up to where it counts; unbounded while it is the last. */
  lengthBytes = Number.MAX_SAFE_INTEGER;
  /** Its last offset; unbounded while it is the last. */
  last = Number.MAX_SAFE_INTEGER;
  #map: SegmentMap | null = null;

  constructor(header: SegmentHeader, path: string) {
    this.header = header;
    this.path = path;
  }

  get first(): number {
    return this.header.first;
  }

  get map(): SegmentMap {
    this.#map ??= SegmentMap.load(mapPath(this.path), this.header);
    return this.#map;
  }

  set map(map: SegmentMap) {
    this.#map = map;
  }
}

/** The segments of a log in order, each holding on to the one before: a header names its predecessor's length. */
export class Segments {
  readonly dir: string;
  readonly seed: number;
  readonly #list: Segment[];

  private constructor(dir: string, first: Segment) {
    this.dir = dir;
    this.seed = crcSeed(first.header);
    this.#list = [first];
  }

  /**
   * The segments in a folder, or `null` where there are none.
   * @throws log.corrupt when one is missing, cut short, or does not follow the one before.
   */
  static open(dir: string): Segments | null {
    const names = readdirSync(dir).filter((name) => name.endsWith('.seg'));
    const path = segmentPath(dir, 1);
    const header = readSegmentHeader(path, 1);
    if (header === null) {
      if (names.length === 0) return null;
      throw corrupt(1, path, 0, 'the first segment is missing');
    }
    if (header.number !== 1 || header.first !== 1) throw corrupt(1, path, 0, 'the first segment is another one');
    const segments = new Segments(dir, new Segment(header, path));
    segments.refresh();
    const stray = names.length - segments.#list.length;
    if (stray > 0) {
      const missing = segmentPath(dir, segments.#list.length + 1);
      throw corrupt(segments.last.first, missing, 0, 'a segment is missing, with all of its events');
    }
    return segments;
  }

  get header(): SegmentHeader {
    return this.#list[0]!.header;
  }

  get last(): Segment {
    return this.#list.at(-1)!;
  }

  get count(): number {
    return this.#list.length;
  }

  at(index: number): Segment {
    return this.#list[index]!;
  }

  /** Takes note of segments that were begun meanwhile: a look at one file name where there is none. */
  refresh(): void {
    for (;;) {
      const previous = this.last;
      const path = segmentPath(this.dir, previous.header.number + 1);
      if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
      const header = readSegmentHeader(path, previous.first);
      if (header === null) return;
      this.add(new Segment(header, path));
    }
  }

  /** @throws log.corrupt when the segment does not follow the last one. */
  add(segment: Segment): void {
    const previous = this.last;
    const { logId, epoch, number, first, previousLength } = segment.header;
    const { header } = previous;
    if (logId !== header.logId || epoch !== header.epoch || number !== header.number + 1 || first < previous.first) {
      throw corrupt(first, segment.path, 0, 'the segment does not follow the one before');
    }
    const { size } = statSync(previous.path);
    if (size < previousLength || previousLength < SEGMENT_HEADER_BYTES) {
      throw corrupt(previous.first, previous.path, size, `the segment had ${previousLength} bytes`);
    }
    previous.lengthBytes = previousLength;
    previous.last = first - 1;
    this.#list.push(segment);
  }

  /** Index of the segment that holds the offset, or would hold it next. */
  indexOf(offset: number): number {
    let [low, high] = [0, this.#list.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#list[middle]!.first <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** @throws log.corrupt where a folder that should hold a log holds none. */
export function requireSegments(dir: string): Segments {
  const segments = Segments.open(dir);
  if (segments === null) throw errors.error('log.corrupt', `there is no log in ${dir}`);
  return segments;
}
