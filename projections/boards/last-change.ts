import type { Db } from '#history/db.ts';
import { PIXELS } from './projection.ts';
import { SETTINGS } from './settings.ts';

/** The offset of the last event that changed the board: that made it or set a pixel. */
export function lastChangeOf(db: Db, board: string): number {
  return Math.max(db.collection(SETTINGS).lastChange(board), db.raster(PIXELS).lastChange(board));
}
