import { setImmediate } from 'node:timers/promises';
import type { Fingerprint } from '../db.ts';
import { FingerprintSum } from '../fingerprint.ts';
import type { TreeKey } from '../storage/tree-key.ts';
import { PlaceHasher } from './place-hasher.ts';
import { TILE_PLACES } from './tile.ts';

/** Places of a tile that are hashed before other work of the thread goes on: a millisecond or two. */
const TURN_PLACES = 1_024;

/**
 * The fingerprint of the places of all tiles, whose cells `readCells` fills in. Computed when it is asked for: a sum that was
 * kept would take two hashes a pixel, which is more than folding it.
 */
export async function fingerprintOf(
  raster: string,
  tiles: Iterable<TreeKey>,
  readCells: (tile: TreeKey, cells: Float64Array) => void,
): Promise<Fingerprint> {
  const hasher = new PlaceHasher(raster);
  const sum = new FingerprintSum();
  const cells = new Float64Array(TILE_PLACES);
  for (const tile of tiles) {
    readCells(tile, cells);
    hasher.enter(tile);
    for (let from = 0; from < TILE_PLACES; from += TURN_PLACES) {
      await setImmediate();
      const to = from + TURN_PLACES;
      for (let place = from; place < to; place++) {
        const cell = cells[place]!;
        if (cell !== 0) sum.add(hasher.hash(place, cell));
      }
    }
  }
  return sum.value();
}
