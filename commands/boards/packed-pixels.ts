import { TILE_PLACES, TILE_SIDE } from './tiles.ts';

export type Pixel = { readonly x: number; readonly y: number; readonly color: number };

type Corner = { readonly left: number; readonly top: number };

export const PIXEL_BYTES = 3;
const PACKED_CHARACTERS_MAX = (TILE_PLACES * PIXEL_BYTES * 4) / 3;

/** Any number of pixels of one tile in base64: x and y within the tile and the colour, a byte each, so four characters a pixel. */
export function packPixels(pixels: readonly Pixel[], { left, top }: Corner): string {
  const bytes = Buffer.alloc(pixels.length * PIXEL_BYTES);
  let at = 0;
  for (const { x, y, color } of pixels) {
    bytes[at++] = x - left;
    bytes[at++] = y - top;
    bytes[at++] = color;
  }
  return bytes.toString('base64');
}

/** Calls `visit` for each pixel, in order. */
export function eachPixel(
  { left, top, pixels }: Corner & { readonly pixels: string },
  visit: (x: number, y: number, color: number) => void,
): void {
  const bytes = Buffer.from(pixels, 'base64');
  for (let at = 0; at < bytes.length; at += PIXEL_BYTES) {
    visit(left + bytes[at]!, top + bytes[at + 1]!, bytes[at + 2]!);
  }
}

export function countPixels(pixels: string): number {
  return pixels.length / 4;
}

/** As many as a tile has at most, each of four characters. */
export function arePackedPixels(pixels: string): boolean {
  return pixels.length <= PACKED_CHARACTERS_MAX && pixels.length % 4 === 0 && /^[A-Za-z0-9+/]*$/.test(pixels);
}

/** True for the first column or row of a tile. */
export function isCorner(coordinate: number): boolean {
  return coordinate % TILE_SIDE === 0;
}
