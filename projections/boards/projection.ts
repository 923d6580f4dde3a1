import type { BoardEvents } from '#commands/boards/events.ts';
import { eachPixel } from '#commands/boards/packed-pixels.ts';
import { collection, defineProjection, raster } from '#history/projection.ts';
import { defineFolds } from '#projections/folds.ts';
import { SETTINGS } from './settings.ts';

export const PIXELS = 'boards';

/** Every board's settings, and its pixels with who set them and when. */
export const boardsProjection = defineProjection({
  name: 'boards',
  version: 1,
  structures: [collection(SETTINGS), raster(PIXELS)],
  folds: defineFolds<BoardEvents>({
    BoardCreated: (data, _event, context) => context.collection(SETTINGS).put(data.board, data),
    PixelPlaced: ({ board, x, y, color }, _event, context) => context.raster(PIXELS).set(board, x, y, color),
    PixelsReverted: (reverted, _event, context) => {
      const pixels = context.raster(PIXELS);
      eachPixel(reverted, (x, y, color) => pixels.set(reverted.board, x, y, color));
    },
  }),
});
