import { z } from 'zod';
import { name } from '#commands/fields.ts';
import { defineEvent } from '#events/definition.ts';
import { palette } from './palette.ts';
import { pixelPacking } from './pixel-packing.ts';

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

export type BoardCreated = z.infer<typeof boardCreated>;
export type PixelPlaced = z.infer<typeof pixelPlaced>;
export type BoardEvents = { readonly BoardCreated: BoardCreated; readonly PixelPlaced: PixelPlaced };

export const boardEvents = [
  defineEvent({ type: 'BoardCreated', schema: boardCreated }),
  defineEvent({ type: 'PixelPlaced', schema: pixelPlaced, packing: pixelPacking }),
];
