import { writeFile } from 'node:fs/promises';
import { assert } from '../../assert.ts';
import { errors, isStrataError, type StrataError } from '../../errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import type { GroupBuffer } from './group-buffer.ts';
import { createSegment } from './segment-file.ts';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { mapPath, SegmentMap } from './segment-map.ts';
import type { Segment, Segments } from './segments.ts';
import { writeAgain } from './write-again.ts';

/** Below this a full disk stays full: another try would only leave another empty segment behind. */
const ROOM_BYTES_MIN = 1024 * 1024;

export type SegmentWriterOptions = {
  readonly segments: Segments;
  readonly disk: Disk;
  readonly clock: () => number;
  /** True when a group is on the disk itself before it counts. */
  readonly synced: boolean;
  readonly segmentBytesMax: number;
  readonly report: (message: string) => void;
};

/** What is known of a write that failed, after trying to make it certain. */
export type Failure = {
  readonly error: StrataError;
  /** True when what was being written is certainly not in the log. */
  readonly isCertain: boolean;
};

/**
 * Writes groups at the end of the last segment. After a failed write or sync a segment is never written again where it
 * failed: the page cache may show bytes that the disk lacks. A new one names how much of it counts.
 */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #file: DiskFile;
  #segment: Segment;
  /** Where the next group goes; what the segment holds beyond does not count. */
  #position: number;
  /** Up to where the segment is on the disk itself: behind `#position` only where the operating system syncs. */
  #durable: number;
  /** True when the last segment must not be written any more before `repair` has succeeded. */
  #isBroken = false;
  /** True once the failed bytes are certainly not in the log, however the repair goes on. */
  #isCut = false;

  private constructor(options: SegmentWriterOptions, file: DiskFile) {
    this.#options = options;
    this.#file = file;
    this.#segment = options.segments.last;
    this.#position = this.#segment.map.end;
    this.#durable = this.#position;
  }

  /** Goes on after the last group of the last segment, which recovery has checked. */
  static async open(options: SegmentWriterOptions): Promise<SegmentWriter> {
    const { last } = options.segments;
    const writer = new SegmentWriter(options, await options.disk.open(last.path, options.synced));
    await writer.#saveMap(last);
    return writer;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Writes the groups; begins a new segment first when the last one is full. `synced`: how far the disk itself is. */
  async write(groups: GroupBuffer, synced: number): Promise<void> {
    const { segments, segmentBytesMax } = this.#options;
    const isFull = this.#position + groups.lengthBytes > segmentBytesMax;
    if (isFull && !this.#isEmpty) await this.#roll();
    await this.#file.write(groups.finish(synced, segments.seed), this.#position);
    const { map } = this.#segment;
    const base = this.#position;
    for (const { at, first, count, end, recordedAt } of groups.groups) {
      map.add(first, count, base + at, end - at, recordedAt);
    }
    this.#position = base + groups.lengthBytes;
    if (this.#options.synced) this.#durable = this.#position;
  }

  /** Makes what was written durable, where `write` does not. */
  async sync(): Promise<void> {
    await this.#file.sync();
    this.#durable = this.#position;
  }

  /**
   * After `write` failed: makes it certain that what was being written does not count, and the log writable again. Called
   * again later when the log stayed unwritable.
   */
  async repair(cause: unknown): Promise<Failure | null> {
    this.#isBroken = true;
    let problem = cause;
    try {
      await this.#goOn();
      this.#isBroken = false;
      this.#isCut = false;
      return null;
    } catch (error) {
      problem = error;
    }
    // No room for a new segment, or no working disk: at least the old one can be cut, perhaps.
    if (!this.#isCut)
      this.#isCut = await this.#cut().then(
        () => true,
        () => false,
      );
    return { error: writeError(problem), isCertain: this.#isCut };
  }

  async close(): Promise<void> {
    await this.#file.close();
    if (!this.#isBroken) await this.#saveMap(this.#segment);
  }

  get #isEmpty(): boolean {
    return this.#position === SEGMENT_HEADER_BYTES;
  }

  /** A segment without a group is cut and used again, so that a failing disk does not fill up with empty ones. */
  async #goOn(): Promise<void> {
    const { disk, segments } = this.#options;
    const free = await disk.freeBytes(segments.dir);
    if (free < ROOM_BYTES_MIN) {
      throw errors.error('log.disk-full', `${free} bytes are free in ${segments.dir}`, { retryAfterSeconds: 5 });
    }
    if (this.#isEmpty) return this.#cut();
    // What the next segment says of this one must be so: a sync may be what failed.
    if (this.#durable < this.#position) {
      await writeAgain(this.#segment.path, this.#file, this.#durable, this.#position);
      this.#durable = this.#position;
    }
    await this.#begin();
  }

  async #cut(): Promise<void> {
    await this.#file.truncate(this.#position);
    await this.#file.sync();
  }

  /** The full segment is synced before the next one says how long it is. */
  async #roll(): Promise<void> {
    if (this.#durable < this.#position) await this.sync();
    await this.#begin();
  }

  async #begin(): Promise<void> {
    const { disk, segments, clock, synced } = this.#options;
    const previous = this.#segment;
    const { logId, epoch, number } = previous.header;
    const header = {
      logId,
      epoch,
      number: number + 1,
      first: previous.map.nextOffset,
      previousLength: this.#position,
      createdAt: clock(),
    };
    const file = await createSegment(disk, segments.dir, header, synced);
    // A reader may have found it already.
    segments.refresh();
    const segment = segments.at(number);
    assert(segment.first === header.first, 'a segment that was made is found');
    segment.map = new SegmentMap(header.first);
    this.#segment = segment;
    const old = this.#file;
    this.#file = file;
    this.#position = SEGMENT_HEADER_BYTES;
    this.#durable = SEGMENT_HEADER_BYTES;
    await old.close().catch((error) => this.#options.report(`a full segment could not be closed: ${error}`));
    await this.#saveMap(previous);
  }

  /** Derived data: without it the segment is read through when it is needed. */
  async #saveMap(segment: Segment): Promise<void> {
    await writeFile(mapPath(segment.path), segment.map.encode(segment.header)).catch((error) =>
      this.#options.report(`the sparse index of a segment could not be saved: ${error}`),
    );
  }
}

/** Which error of the table a failed operation is. */
export function writeError(cause: unknown): StrataError {
  if (isStrataError(cause)) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return isFull
    ? errors.error('log.disk-full', 'no room is left for the log', { cause, retryAfterSeconds: 5 })
    : errors.error('log.write-failed', `the log could not be written: ${code || String(cause)}`, {
        cause,
        retryAfterSeconds: 5,
      });
}
