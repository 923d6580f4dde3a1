import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../assert.ts';
import type { Disk, DiskFile } from './disk.ts';
import {
  GROUP_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  sealGroup,
  segmentName,
  writeSegmentHeader,
} from './format.ts';

export type SegmentWriterOptions = {
  readonly dir: string;
  readonly disk: Disk;
  readonly logId: string;
  readonly epoch: number;
  /** A segment is full when it has so many bytes. */
  readonly segmentBytesMax: number;
  /** False leaves syncing to the operating system. */
  readonly sync: boolean;
};

/** Appends groups to the last segment; one at a time. */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #file: DiskFile | null = null;
  #first = 0;
  /** Bytes of the segment that count: all that is synced. */
  #bytes = 0;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
  }

  /** Goes on with a segment of which `validBytes` count; what follows them is cut off. */
  async resume(first: number, validBytes: number): Promise<void> {
    const file = await this.#options.disk.open(join(this.#options.dir, segmentName(first)), 'r+');
    await file.truncate(validBytes);
    await file.sync();
    this.#file = file;
    this.#first = first;
    this.#bytes = validBytes;
  }

  /**
   * Begins a segment: temporary file, sync, rename, sync of the folder. From then on the one before ends where its last
   * synced group did, whatever else its file holds.
   */
  async begin(firstOffset: number): Promise<void> {
    const { dir, disk, logId, epoch } = this.#options;
    const replaces = firstOffset === this.#first;
    const header: SegmentHeader = {
      logId,
      epoch,
      firstOffset,
      previousFirst: replaces ? this.#previousFirst : this.#first,
      previousBytes: replaces ? this.#previousBytes : this.#bytes,
    };
    const path = join(dir, segmentName(firstOffset));
    const temporary = `${path}.new`;
    const file = await disk.open(temporary, 'w');
    try {
      await file.write(writeSegmentHeader(header), 0);
      await file.sync();
      await disk.rename(temporary, path);
      await disk.syncFolder(dir);
    } catch (error) {
      await file.close();
      await rm(temporary, { force: true });
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    this.#first = firstOffset;
    this.#bytes = SEGMENT_HEADER_BYTES;
    this.#previousFirst = header.previousFirst;
    this.#previousBytes = header.previousBytes;
  }

  #previousFirst = 0;
  #previousBytes = 0;

  /** What the segment's header says of the one before it: needed when it has to be replaced. */
  follows(previousFirst: number, previousBytes: number): void {
    this.#previousFirst = previousFirst;
    this.#previousBytes = previousBytes;
  }

  /** Writes the group, sealed, and syncs it: durable when it resolves. A full segment is followed by a new one first. */
  async append(group: Buffer, firstOffset: number): Promise<void> {
    if (this.#bytes >= this.#options.segmentBytesMax) await this.begin(firstOffset);
    assert(this.#file !== null, 'a segment is open before a group is written');
    await this.#file.write(group, this.#bytes);
    if (this.#options.sync) await this.#file.sync();
    this.#bytes += group.length;
  }

  /** Writes the end mark and closes the file. */
  async end(nextOffset: number): Promise<void> {
    const mark = Buffer.alloc(GROUP_HEADER_BYTES);
    sealGroup(mark, { isEnd: true, events: 0, firstOffset: nextOffset, syncedOffset: nextOffset - 1 });
    assert(this.#file !== null, 'a segment is open before it is closed');
    await this.#file.write(mark, this.#bytes);
    await this.#file.sync();
    await this.#file.close();
    this.#file = null;
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }
}
