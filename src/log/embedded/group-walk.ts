import { closeSync, openSync, readSync } from 'node:fs';
import { GROUP_HEADER_BYTES, GroupHeader } from './group.ts';

const WINDOW_BYTES = 256 * 1024;

/** Reads the groups of one segment in order, checking each, through a window that is used again. */
export class GroupWalk {
  /** Of the group that the walk stands on; `bytes` from `bodyStart` to `bodyEnd` are its body. */
  readonly header = new GroupHeader();
  bytes: Buffer = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  bodyStart = 0;
  bodyEnd = 0;
  /** Where the group begins in the file. */
  position = 0;
  /** What is wrong with the bytes at `nextPosition`, after `next` found them damaged. */
  damage = '';

  readonly path: string;
  readonly #seed: number;
  #nextPosition: number;
  #nextOffset: number;
  /** The window holds the file's bytes from here. */
  #windowStart = 0;
  #windowLength = 0;

  /** Starts at a group's beginning: the byte `position`, where the event `offset` comes next. */
  constructor(path: string, seed: number, position: number, offset: number) {
    this.path = path;
    this.#seed = seed;
    this.#nextPosition = position;
    this.#nextOffset = offset;
  }

  /** Where the next group begins. */
  get nextPosition(): number {
    return this.#nextPosition;
  }

  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Moves to the next group. `end` where the file ends, or where `lengthBytes` says that it ends. */
  next(lengthBytes = Number.MAX_SAFE_INTEGER): 'group' | 'end' | 'damaged' {
    const position = this.#nextPosition;
    if (position >= lengthBytes) return 'end';
    const available = this.#load(position, GROUP_HEADER_BYTES);
    if (available === 0) return 'end';
    if (available < GROUP_HEADER_BYTES) return this.#damaged('a group header is cut short');
    const { header } = this;
    if (!header.read(this.bytes, position - this.#windowStart, this.#seed)) {
      return this.#damaged('a group header is not what was written');
    }
    if (header.first !== this.#nextOffset) return this.#damaged(`a group begins at ${header.first} instead`);
    const size = GROUP_HEADER_BYTES + header.bodyLength;
    if (this.#load(position, size) < size) return this.#damaged('a group is cut short');
    const bodyStart = position - this.#windowStart + GROUP_HEADER_BYTES;
    if (!header.isIntact(this.bytes, bodyStart, this.#seed)) return this.#damaged('a group fails its CRC');

    this.position = position;
    this.bodyStart = bodyStart;
    this.bodyEnd = bodyStart + header.bodyLength;
    this.#nextPosition = position + size;
    this.#nextOffset += header.count;
    return 'group';
  }

  /** Forgets what was read ahead of the group at hand: bytes that were not synced then may be others now. */
  forgetAhead(): void {
    this.#windowLength = Math.max(0, Math.min(this.#windowLength, this.#nextPosition - this.#windowStart));
  }

  #damaged(damage: string): 'damaged' {
    this.damage = damage;
    return 'damaged';
  }

  /** Makes `size` bytes from `position` available, as far as the file has them; returns how many there are at most. */
  #load(position: number, size: number): number {
    const ahead = this.#windowStart + this.#windowLength - position;
    if (position >= this.#windowStart && ahead >= size) return ahead;
    if (this.bytes.length < size) this.bytes = Buffer.allocUnsafeSlow(size);
    this.#windowStart = position;
    this.#windowLength = readAt(this.path, this.bytes, position);
    return this.#windowLength;
  }
}

/** Fills `bytes` from the file's `position`; returns how many there were. */
export function readAt(path: string, bytes: Buffer, position: number): number {
  const fd = openSync(path, 'r');
  try {
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(fd, bytes, length, bytes.length - length, position + length);
      if (read === 0) break;
      length += read;
    }
    return length;
  } finally {
    closeSync(fd);
  }
}
