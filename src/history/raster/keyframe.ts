import { assert } from '../../assert.ts';
import { ByteReader, type ByteWriter } from '../storage/byte-codec.ts';
import { cellOf, cellOffset, TILE_PLACES } from './tile.ts';

const NIBBLES = 4;
const BYTES = 8;

/** A keyframe's colours of four bits, where they can be read eight at a time. */
const packed = new Uint32Array(TILE_PLACES / 8);
const packedBytes = new Uint8Array(packed.buffer);

/** A tile's colours: bits a place (4 where that is enough), then the places in order, the first in the high bits. */
export function writeColors(colors: Uint8Array, to: ByteWriter): void {
  const isNarrow = colors.every((color) => color < 16);
  to.byte(isNarrow ? NIBBLES : BYTES);
  if (!isNarrow) {
    to.append(colors);
    return;
  }
  to.reserve(TILE_PLACES / 2);
  const { bytes } = to;
  let at = to.length;
  for (let place = 0; place < TILE_PLACES; place += 2) bytes[at++] = (colors[place]! << 4) | colors[place + 1]!;
  to.length = at;
}

/** `colors` begins at a multiple of four in its memory. */
export function readColors(bytes: Uint8Array, colors: Uint8Array): void {
  if (bytes[0] === BYTES) {
    colors.set(bytes.subarray(1, 1 + TILE_PLACES));
    return;
  }
  assert(bytes[0] === NIBBLES, 'a keyframe begins with its bits a place');
  packedBytes.set(bytes.subarray(1, 1 + TILE_PLACES / 2));
  const unpacked = new Uint32Array(colors.buffer, colors.byteOffset, TILE_PLACES / 4);
  let at = 0;
  for (let eight = 0; eight < packed.length; eight++) {
    const word = packed[eight]!;
    unpacked[at++] = unpack((word & 0xff) | ((word & 0xff00) << 8));
    unpacked[at++] = unpack(((word >>> 16) & 0xff) | ((word >>> 8) & 0xff0000));
  }
}

/** Four places of two bytes that stand apart. The machine is one that stores low bytes first, as all are that this runs on. */
function unpack(apart: number): number {
  return ((apart >>> 4) & 0x000f000f) | ((apart & 0x000f000f) << 8);
}

/** For each place how far before `offset` it was set, plus 1; 0 where it never was. */
export function writeOffsets(cells: Float64Array, offset: number, to: ByteWriter): void {
  for (let place = 0; place < TILE_PLACES; place++) {
    const cell = cells[place]!;
    to.varint(cell === 0 ? 0 : offset - cellOffset(cell) + 1);
  }
}

/** Makes cells of the offsets and the colours of the same keyframe. */
export function readOffsets(bytes: Uint8Array, offset: number, colors: Uint8Array, cells: Float64Array): void {
  const reader = new ByteReader(bytes);
  for (let place = 0; place < TILE_PLACES; place++) {
    const before = reader.varint();
    cells[place] = before === 0 ? 0 : cellOf(offset - before + 1, colors[place]!);
  }
}

/** The offset that set one place, 0 where none did. */
export function offsetOf(bytes: Uint8Array, offset: number, place: number): number {
  const reader = new ByteReader(bytes);
  let before = reader.varint();
  for (let at = 0; at < place; at++) before = reader.varint();
  return before === 0 ? 0 : offset - before + 1;
}
