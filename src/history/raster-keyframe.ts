import { assert } from '../assert.ts';
import { ByteReader, type ByteWriter } from './byte-codec.ts';
import { cellOf, cellOffset, TILE_PLACES } from './raster-tile.ts';

const NIBBLES = 4;
const BYTES = 8;

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

export function readColors(bytes: Uint8Array, colors: Uint8Array): void {
  if (bytes[0] === BYTES) {
    colors.set(bytes.subarray(1, 1 + TILE_PLACES));
    return;
  }
  assert(bytes[0] === NIBBLES, 'a keyframe begins with its bits a place');
  for (let place = 0; place < TILE_PLACES; place += 2) {
    const pair = bytes[1 + (place >>> 1)]!;
    colors[place] = pair >>> 4;
    colors[place + 1] = pair & 0x0f;
  }
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
