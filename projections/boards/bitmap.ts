import { setImmediate as nextTurn } from 'node:timers/promises';

/** Pixels handled before other work has its turn: about a millisecond. */
export const PIXELS_A_TURN: number = 1 << 20;

/** Bits a pixel: 4 while 16 colours suffice, else 8. */
export function bitsFor(colours: number): 4 | 8 {
  return colours <= 16 ? 4 : 8;
}

/** Row-major without gaps, the first pixel in the high bits, as Redis `BITFIELD` counts. */
export async function packBitmap(pixels: Uint8Array, bits: 4 | 8): Promise<Uint8Array> {
  if (bits === 8) return pixels;
  const packed = new Uint8Array(Math.ceil(pixels.length / 2));
  for (let from = 0; from < pixels.length; from += PIXELS_A_TURN) {
    if (from > 0) await nextTurn();
    packHalves(pixels, from, Math.min(from + PIXELS_A_TURN, pixels.length), packed, from / 2);
  }
  return packed;
}

/** Rows as PNG has them: a filter byte, then the pixels, each row from a byte of its own. */
export async function packRows(pixels: Uint8Array, width: number, bits: 4 | 8): Promise<Uint8Array> {
  const height = pixels.length / width;
  const rowBytes = 1 + Math.ceil((width * bits) / 8);
  const rows = new Uint8Array(rowBytes * height);
  const rowsATurn = Math.ceil(PIXELS_A_TURN / width);
  for (let row = 0; row < height; row += 1) {
    if (row > 0 && row % rowsATurn === 0) await nextTurn();
    const from = row * width;
    const at = row * rowBytes + 1;
    if (bits === 8) rows.set(pixels.subarray(from, from + width), at);
    else packHalves(pixels, from, from + width, rows, at);
  }
  return rows;
}

/** Two pixels a byte; an odd last one has zeros beside it. */
function packHalves(pixels: Uint8Array, from: number, to: number, packed: Uint8Array, at: number): void {
  let byte = at;
  let pixel = from;
  for (; pixel + 1 < to; pixel += 2) {
    packed[byte] = (pixels[pixel]! << 4) | pixels[pixel + 1]!;
    byte += 1;
  }
  if (pixel < to) packed[byte] = pixels[pixel]! << 4;
}
