import { crc32c } from '@node-rs/crc32';
import { readNumber, writeNumber } from '#events/event-layout.ts';
import { assert } from '../../assert.ts';

const AT_FIRST_REVISION = 4;
const AT_LAST_OFFSET = 10;
const AT_COUNT = 16;
const AT_DELTAS = 20;
const VARINT_BYTES_MAX = 8;

/**
 * A posting list: the offsets of consecutive revisions of one stream, as bytes with a CRC. Offsets rise, so each is the
 * difference to the one before, in LEB128.
 */
export class Postings {
  readonly bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** @throws Error when the bytes are not what was stored. */
  static read(bytes: Buffer): Postings {
    assert(
      bytes.length >= AT_DELTAS && bytes.readUInt32LE(0) === crc32c(bytes.subarray(4)),
      'a posting list is intact',
    );
    return new Postings(bytes);
  }

  static of(firstRevision: number, offsets: readonly number[]): Postings {
    return Postings.#write(Buffer.alloc(AT_DELTAS), firstRevision, 0, 0, offsets);
  }

  /** The list with these offsets after its own. */
  with(offsets: readonly number[]): Postings {
    return Postings.#write(this.bytes, this.firstRevision, this.count, this.lastOffset, offsets);
  }

  get firstRevision(): number {
    return readNumber(this.bytes, AT_FIRST_REVISION);
  }

  get lastRevision(): number {
    return this.firstRevision + this.count - 1;
  }

  get lastOffset(): number {
    return readNumber(this.bytes, AT_LAST_OFFSET);
  }

  get count(): number {
    return this.bytes.readUInt32LE(AT_COUNT);
  }

  offsets(): number[] {
    const offsets: number[] = [];
    let [offset, at] = [0, AT_DELTAS];
    while (at < this.bytes.length) {
      let [delta, scale] = [0, 1];
      for (;;) {
        const byte = this.bytes[at++]!;
        delta += (byte & 0x7f) * scale;
        if (byte < 0x80) break;
        scale *= 0x80;
      }
      offset += delta;
      offsets.push(offset);
    }
    return offsets;
  }

  static #write(
    head: Buffer,
    firstRevision: number,
    count: number,
    lastOffset: number,
    offsets: readonly number[],
  ): Postings {
    const bytes = Buffer.allocUnsafe(head.length + offsets.length * VARINT_BYTES_MAX);
    head.copy(bytes);
    let at = head.length;
    let last = lastOffset;
    for (const offset of offsets) {
      assert(offset > last, 'offsets of a stream rise');
      let delta = offset - last;
      while (delta >= 0x80) {
        bytes[at++] = (delta % 0x80) | 0x80;
        delta = Math.floor(delta / 0x80);
      }
      bytes[at++] = delta;
      last = offset;
    }
    writeNumber(bytes, AT_FIRST_REVISION, firstRevision);
    writeNumber(bytes, AT_LAST_OFFSET, last);
    bytes.writeUInt32LE(count + offsets.length, AT_COUNT);
    const list = bytes.subarray(0, at);
    list.writeUInt32LE(crc32c(list.subarray(4)), 0);
    return new Postings(list);
  }
}
