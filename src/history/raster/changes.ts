import { type ByteWriter, putVarint } from '../storage/byte-codec.ts';

/** What a change takes at most: place (2 bytes), colour, and how much its offset is above the last (a varint). */
export const CHANGE_BYTES_MAX = 11;

/** Adds a change; `last` is the offset of the change before. */
export function writeChange(changes: ByteWriter, place: number, color: number, offset: number, last: number): void {
  changes.reserve(CHANGE_BYTES_MAX);
  const { bytes } = changes;
  const at = changes.length;
  bytes[at] = place >>> 8;
  bytes[at + 1] = place & 0xff;
  bytes[at + 2] = color;
  const delta = offset - last;
  if (delta < 0x80) {
    bytes[at + 3] = delta;
    changes.length = at + 4;
  } else {
    changes.length = putVarint(bytes, at + 3, delta);
  }
}

/** A cursor over packed changes: `next` moves on, then the fields are the change's. Used again, because there are millions. */
export class Changes {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  place = 0;
  color = 0;
  offset = 0;

  /** `base` is the offset of the last change before them. */
  open(bytes: Uint8Array, base: number): this {
    this.#bytes = bytes;
    this.#at = 0;
    this.offset = base;
    return this;
  }

  next(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (at >= bytes.length) return false;
    this.place = bytes[at]! * 256 + bytes[at + 1]!;
    this.color = bytes[at + 2]!;
    let byte = bytes[at + 3]!;
    at += 4;
    let delta = byte & 0x7f;
    for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = bytes[at++]!;
      delta += (byte & 0x7f) * scale;
    }
    this.offset += delta;
    this.#at = at;
    return true;
  }
}

/**
 * Gives places the colours of packed changes up to the offset `to`. Decodes by itself: a past board is painted with a hundred
 * thousand changes, and a cursor's fields would be most of the work.
 */
export function paintChanges(bytes: Uint8Array, base: number, to: number, colors: Uint8Array): void {
  let offset = base;
  for (let at = 0; at < bytes.length; ) {
    const place = bytes[at]! * 256 + bytes[at + 1]!;
    const color = bytes[at + 2]!;
    let byte = bytes[at + 3]!;
    at += 4;
    offset += byte & 0x7f;
    for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = bytes[at++]!;
      offset += (byte & 0x7f) * scale;
    }
    if (offset > to) return;
    colors[place] = color;
  }
}
