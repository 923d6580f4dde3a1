import type { BoardShape, SeededBoard } from '#cache/board-bitmaps.ts';
import type { Db } from '#history/db.ts';
import { bitsFor, packBitmap } from './bitmap.ts';
import { lastChangeOf } from './last-change.ts';
import { PIXELS } from './projection.ts';
import { allSettings, type Settings } from './settings.ts';

/** How a board's bitmap is laid out. */
export function shapeOf({ board, width, height, palette }: Settings): BoardShape {
  return { board, width, height, bits: bitsFor(palette.length) };
}

/** All boards at the db's position, each to be read when its turn comes. */
export function* seededBoards(db: Db): Iterable<SeededBoard> {
  for (const settings of allSettings(db)) {
    const shape = shapeOf(settings);
    const { board, width, height, bits } = shape;
    const bytes = async () => packBitmap(await db.raster(PIXELS).pixels(board, width, height), bits);
    yield { ...shape, changedAt: lastChangeOf(db, board), bytes };
  }
}
