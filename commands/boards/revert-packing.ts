import type { Packing } from '#events/definition.ts';
import type { PixelsReverted } from './events.ts';
import { tileOf } from './tiles.ts';

/** The position's length and text, then three bytes a pixel. Board and tile are the stream's name. */
export const revertPacking: Packing = {
  pack(data, stream) {
    // Only events of this type are packed by it.
    const { board, left, top, to, pixels } = data as PixelsReverted;
    const tile = tileOf(stream);
    if (board !== tile.board || left !== tile.left || top !== tile.top) return null;
    const position = Buffer.from(to, 'utf8');
    const length = Buffer.alloc(2);
    length.writeUInt16BE(position.length);
    return Buffer.concat([length, position, Buffer.from(pixels, 'base64')]);
  },
  unpack(packed, stream) {
    const { board, left, top } = tileOf(stream);
    const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
    const end = 2 + bytes.readUInt16BE(0);
    return { board, left, top, to: bytes.toString('utf8', 2, end), pixels: bytes.toString('base64', end) };
  },
};
