import { setImmediate } from 'node:timers/promises';
import { FingerprintSum } from '../fingerprint.ts';
import type { FoldedSource } from '../folding/folded-db.ts';
import { placementAt, type TilePast } from '../raster/past.ts';
import { PlaceHasher } from '../raster/place-hasher.ts';
import { cellColor, cellOffset, TILE_PLACES, TILE_SIZE } from '../raster/tile.ts';
import { readCellsAt } from '../raster/tile-cells.ts';
import { tileOfKey } from '../raster/trees.ts';
import { DamagedRecord } from '../storage/append-file.ts';
import { keyText, TREE_END, type TreeKey } from '../storage/tree-key.ts';
import { type Compared, type Comparison, DIFFERENCES_MAX, type Parting } from './differences.ts';

/** A place of a tile. */
export type PlaceKey = { readonly tile: TreeKey; readonly place: number };

/** What stands for the cells of a tile that cannot be read. */
const UNREADABLE = -1;

/** Compares a raster with its replay: at each place the colour, and the event that set it. */
export function rasterComparison(name: string, live: FoldedSource, replayed: FoldedSource): Comparison<PlaceKey> {
  return {
    at: (offset) => compare(name, tilesAt(name, live, offset), tilesAt(name, replayed, offset)),
    parting: ({ tile, place }, to) => {
      let first: Parting = { offset: to, live: null, replayed: null };
      for (let offset = to; offset > 0; offset = first.offset - 1) {
        const there = cellAt(tilesAt(name, live, offset).past(tile), place);
        const then = cellAt(tilesAt(name, replayed, offset).past(tile), place);
        if (there === then) break;
        const setAt = Math.max(there, then) > 0 ? cellOffset(Math.max(there, then)) : offset;
        first = { offset: setAt, live: shown(there), replayed: shown(then) };
      }
      return first;
    },
  };
}

/** `board/x/y` */
export function placeName({ tile, place }: PlaceKey): string {
  const { board, index } = tileOfKey(tile);
  const x = (index & 0xff) * TILE_SIZE + (place & 0xff);
  const y = (index >>> 8) * TILE_SIZE + (place >>> 8);
  return `${keyText(board.slice(0, -1))}/${x}/${y}`;
}

type Tiles = { readonly keys: () => readonly TreeKey[]; readonly past: (key: TreeKey) => TilePast };

function tilesAt(name: string, { store, commit }: FoldedSource, offset: number): Tiles {
  const { trees, file } = store.rasters.get(name)!;
  const { offset: committed, snapshot } = commit();
  return {
    keys: () => [...trees.tiles.range({ low: '\0', high: TREE_END }, snapshot)].map(({ key }) => key),
    past: (key) => ({ trees, file, key, point: { offset, snapshot, committed } }),
  };
}

async function compare(name: string, live: Tiles, replayed: Tiles): Promise<Compared<PlaceKey>> {
  const hasher = new PlaceHasher(name);
  const sums = { live: new FingerprintSum(), replayed: new FingerprintSum() };
  const [there, then] = [new Float64Array(TILE_PLACES), new Float64Array(TILE_PLACES)];
  const different: PlaceKey[] = [];
  let isReadable = true;
  for (const tile of new Set([...live.keys(), ...replayed.keys()])) {
    if (!readCells(live.past(tile), there)) isReadable = false;
    readCellsAt(replayed.past(tile), then);
    hasher.enter(tile);
    for (let place = 0; place < TILE_PLACES; place++) {
      const [a, b] = [there[place]!, then[place]!];
      const hash = b > 0 ? hasher.hash(place, b) : null;
      if (hash !== null) sums.replayed.add(hash);
      if (a > 0) sums.live.add(a === b ? hash! : hasher.hash(place, a));
      if (a !== b && different.length <= DIFFERENCES_MAX) different.push({ tile, place });
    }
    await setImmediate();
  }
  return { live: isReadable ? sums.live.value() : null, replayed: sums.replayed.value(), different };
}

/** False when the tile's records are damaged: no cell of it can be told. */
function readCells(tile: TilePast, cells: Float64Array): boolean {
  try {
    readCellsAt(tile, cells);
    return true;
  } catch (error) {
    if (!(error instanceof DamagedRecord)) throw error;
    cells.fill(UNREADABLE);
    return false;
  }
}

function cellAt(tile: TilePast, place: number): number {
  try {
    return placementAt(tile, place);
  } catch (error) {
    if (error instanceof DamagedRecord) return UNREADABLE;
    throw error;
  }
}

function shown(cell: number): string | null {
  if (cell === 0) return null;
  return cell === UNREADABLE ? 'cannot be read' : `colour ${cellColor(cell)}, set at ${cellOffset(cell)}`;
}
