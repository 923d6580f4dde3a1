import type { Packing } from '#events/definition.ts';
import type { PixelPlaced } from './events.ts';
import { TILE_SIDE, tileOf } from './tiles.ts';

/** Three bytes a pixel: x and y within the tile, and the colour. Board and tile are the stream's name. */
export const pixelPacking: Packing = {
  pack(data, stream) {
    // Only events of this type are packed by it.
    const { board, x, y, color } = data as PixelPlaced;
    const tile = tileOf(stream);
    const [right, down] = [x - tile.left, y - tile.top];
    const fits = board === tile.board && isByte(right) && isByte(down) && isByte(color);
    return fits ? Uint8Array.of(right, down, color) : null;
  },
  unpack(bytes, stream) {
    const { board, left, top } = tileOf(stream);
    return { board, x: left + bytes[0]!, y: top + bytes[1]!, color: bytes[2]! };
  },
};

function isByte(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < TILE_SIDE;
}
