import { statSync } from 'node:fs';
import type { Codec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import { AT_RECORDED_AT, readNumber } from '#events/event-layout.ts';
import type { EventView } from '#events/event-view.ts';
import { assert } from '../../assert.ts';
import { corrupt } from './damage.ts';
import { type DiskFile, nodeDisk } from './disk.ts';
import { EVENT_PREFIX_BYTES, FRAME_HEADER_BYTES, GROUP_HEADER_BYTES, readUint32, writeGroupHeader } from './group.ts';
import { GroupWalk } from './group-walk.ts';
import { createSegment } from './segment-file.ts';
import { crcSeed, readSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from './segment-header.ts';

const PARTITION = 0;

export type NewEpoch = {
  /** An empty folder. */
  readonly dir: string;
  readonly epoch: number;
  /** The last event to take over. A write that ends after it is left out whole. */
  readonly to: number;
  /** The last event's time to take over, ms since 1970. */
  readonly toTimeMs: number;
  /** ms since 1970. */
  readonly createdAt: number;
  readonly codec: Codec;
  /** Told of every event that is taken over: a view that is used again. */
  readonly onEvent: (event: RecordedEvent) => void;
};

/**
 * Writes a log once more, in another epoch: the same events, byte for byte, under new CRCs, so that a position, a group or a
 * block of the one is never taken for one of the other. Its end may be earlier.
 */
export class EpochWriter {
  readonly #options: NewEpoch;
  readonly #view: EventView;
  #previousLength = 0;
  #next = 1;
  #recordedAt = 0;
  #isEnded = false;
  #open: { readonly file: DiskFile; readonly number: number; position: number } | null = null;
  #seed = 0;

  constructor(options: NewEpoch) {
    this.#options = options;
    this.#view = options.codec.view();
  }

  /** The last offset that was taken over. */
  get head(): number {
    return this.#next - 1;
  }

  /** True once the end that was asked for is reached: later segments hold nothing to take over. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /**
   * Takes over the next segment, from a file that holds it to its end. Durable when it resolves.
   * @throws log.corrupt naming the position, where the file is not what was written.
   */
  async add(path: string): Promise<void> {
    assert(!this.#isEnded, 'nothing follows the end');
    const old = readSegmentHeader(path, this.#next);
    assert(old !== null, 'a segment that is taken over is there');
    const number = (this.#open?.number ?? 0) + 1;
    if (old.number !== number || old.first !== this.#next) {
      throw corrupt(this.#next, path, 0, 'the segment does not follow the one before');
    }
    await this.#finish();
    await this.#begin(old);
    const walk = new GroupWalk(path, crcSeed(old), SEGMENT_HEADER_BYTES, old.first);
    while (!this.#isEnded && walk.next() === 'group') await this.#addGroup(walk);
    if (!this.#isEnded && walk.nextPosition !== statSync(path).size) {
      throw corrupt(walk.nextOffset, path, walk.nextPosition, walk.damage || 'the file is cut short');
    }
  }

  /** Marks the end as a clean close does. */
  async close(): Promise<void> {
    const open = this.#open;
    assert(open !== null, 'a log has a segment');
    const mark = Buffer.alloc(GROUP_HEADER_BYTES);
    const fields = { first: this.#next, count: 0, synced: this.head, recordedAt: this.#recordedAt };
    writeGroupHeader(mark, 0, 0, fields, this.#seed);
    await open.file.write(mark, open.position);
    await this.#finish();
    await nodeDisk.syncFolder(this.#options.dir);
  }

  async #begin(old: SegmentHeader): Promise<void> {
    const { dir, epoch, createdAt } = this.#options;
    const header = { ...old, epoch, previousLength: this.#previousLength, createdAt };
    this.#seed = crcSeed(header);
    const file = await createSegment(nodeDisk, dir, header, false);
    this.#open = { file, number: old.number, position: SEGMENT_HEADER_BYTES };
  }

  async #finish(): Promise<void> {
    if (this.#open === null) return;
    const { file, position } = this.#open;
    await file.sync();
    await file.close();
    this.#previousLength = position;
  }

  async #addGroup(walk: GroupWalk): Promise<void> {
    const { header, bytes, bodyStart } = walk;
    const kept = this.#keptOf(walk);
    if (kept.count < header.count) this.#isEnded = true;
    if (kept.count === 0 && header.count > 0) return;
    const at = bodyStart - GROUP_HEADER_BYTES;
    const { first, synced, recordedAt } = header;
    writeGroupHeader(bytes, at, kept.bytes, { first, count: kept.count, synced, recordedAt }, this.#seed);
    const open = this.#open!;
    await open.file.write(bytes.subarray(at, bodyStart + kept.bytes), open.position);
    open.position += GROUP_HEADER_BYTES + kept.bytes;
    this.#next = first + kept.count;
  }

  /** How much of the group's body is taken over: whole writes, up to the end that was asked for. */
  #keptOf({ header, bytes, bodyStart, bodyEnd }: GroupWalk): { readonly count: number; readonly bytes: number } {
    const { to, toTimeMs } = this.#options;
    let [at, count] = [bodyStart, 0];
    while (at < bodyEnd) {
      const events = bytes.readUInt16LE(at + EVENT_PREFIX_BYTES);
      const firstEvent = at + FRAME_HEADER_BYTES + EVENT_PREFIX_BYTES;
      const recordedAt = readNumber(bytes, firstEvent + AT_RECORDED_AT);
      if (header.first + count + events - 1 > to || recordedAt > toTimeMs) break;
      this.#recordedAt = recordedAt;
      const frameEnd = at + FRAME_HEADER_BYTES + readUint32(bytes, at);
      this.#tell(bytes, at + FRAME_HEADER_BYTES, frameEnd, header.first + count);
      count += events;
      at = frameEnd;
    }
    return { count, bytes: at - bodyStart };
  }

  #tell(bytes: Buffer, from: number, end: number, first: number): void {
    let [at, offset] = [from, first];
    while (at < end) {
      const start = at + EVENT_PREFIX_BYTES;
      at = start + readUint32(bytes, at);
      this.#options.onEvent(this.#view.move(bytes, start, at, PARTITION, offset));
      offset += 1;
    }
  }
}
