import { z } from 'zod';
import { name } from '#commands/fields.ts';
import { defineEvent } from '#events/definition.ts';
import { arePackedPixels, isCorner } from './packed-pixels.ts';
import { palette } from './palette.ts';
import { pixelPacking } from './pixel-packing.ts';
import { revertPacking } from './revert-packing.ts';

/** Places a side of a board, at most. */
export const BOARD_SIDE_MAX = 8192;

const side = z.int().min(1).max(BOARD_SIDE_MAX);
const coordinate = z
  .int()
  .min(0)
  .max(BOARD_SIDE_MAX - 1);

const boardCreated = z.strictObject({
  board: name,
  width: side,
  height: side,
  palette,
  cooldownSeconds: z.int().min(0).max(3600),
});
const pixelPlaced = z.strictObject({ board: name, x: coordinate, y: coordinate, color: z.int().min(0).max(255) });

/** The first column or row of a tile. */
export const corner = coordinate.refine(isCorner, { error: 'must be the first of a tile' });
/** Pixels of one tile: see `packPixels`. */
export const packedPixels = z.string().refine(arePackedPixels, { error: 'must be packed pixels of one tile' });

// `to` is the position whose colours they have again.
const pixelsReverted = z.strictObject({
  board: name,
  left: corner,
  top: corner,
  to: z.string(),
  pixels: packedPixels.min(1),
});

export type BoardCreated = z.infer<typeof boardCreated>;
export type PixelPlaced = z.infer<typeof pixelPlaced>;
export type PixelsReverted = z.infer<typeof pixelsReverted>;
export type BoardEvents = {
  readonly BoardCreated: BoardCreated;
  readonly PixelPlaced: PixelPlaced;
  readonly PixelsReverted: PixelsReverted;
};

export const boardEvents = [
  defineEvent({ type: 'BoardCreated', schema: boardCreated }),
  defineEvent({ type: 'PixelPlaced', schema: pixelPlaced, packing: pixelPacking }),
  defineEvent({ type: 'PixelsReverted', schema: pixelsReverted, packing: revertPacking }),
];
