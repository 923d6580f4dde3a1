import type { PixelChange } from '../db.ts';
import type { TreeKey } from '../storage/tree-key.ts';
import { changesAt, colorsAt, eachBlockSince, type TilePast } from './past.ts';
import { cellColor, cellOf, cellOffset, TILE_PLACES, TILE_SIZE } from './tile.ts';
import { readCellsAt } from './tile-cells.ts';

/** Places of a tile whose colours differ between two positions, in order; the rest is told of each in turn. */
export type TileDifference = {
  readonly places: Uint16Array;
  readonly before: Uint8Array;
  /** Colour and offset of the last change in the range. */
  readonly cells: Float64Array;
};

const before = new Uint8Array(TILE_PLACES);
const cells = new Float64Array(TILE_PLACES);
const found = new Uint16Array(TILE_PLACES);

/** What differs between `from`, excluded, and the tile's position. */
export function tileDifference(tile: TilePast, from: number): TileDifference {
  const then = { ...tile, point: { ...tile.point, offset: from } };
  if (!colorsAt(then, before)) before.fill(0);
  // Cells that were set in the range are what counts: below a tile's places of changes, only those are read.
  if (changesAt(tile) - changesAt(then) < TILE_PLACES) readSetSince(tile, from, cells);
  else readCellsAt(tile, cells);
  let count = 0;
  for (let place = 0; place < TILE_PLACES; place++) {
    const cell = cells[place]!;
    if (cell !== 0 && cellColor(cell) !== before[place]) found[count++] = place;
  }
  const places = found.slice(0, count);
  return {
    places,
    before: Uint8Array.from(places, (place) => before[place]!),
    cells: Float64Array.from(places, (place) => cells[place]!),
  };
}

/** The differences of the tile `index`, after those up to the place `last`. */
export function* pixelChanges(
  { places, before, cells }: TileDifference,
  index: number,
  last: number,
): Generator<PixelChange> {
  for (let at = 0; at < places.length; at++) {
    const [place, cell] = [places[at]!, cells[at]!];
    if (place <= last) continue;
    const x = (index & 0xff) * TILE_SIZE + (place & 0xff);
    const y = (index >>> 8) * TILE_SIZE + (place >>> 8);
    yield { x, y, before: before[at]!, after: cellColor(cell), offset: cellOffset(cell) };
  }
}

/** Tile and place of a pixel, as a cursor holds them. */
export function placeKey({ x, y }: PixelChange): TreeKey {
  return String.fromCharCode(y >>> 8, x >>> 8, y & 0xff, x & 0xff);
}

export function readPlaceKey(key: TreeKey): readonly [index: number, place: number] {
  const [row, column, y, x] = [0, 1, 2, 3].map((at) => key.charCodeAt(at)) as [number, number, number, number];
  return [row * 256 + column, y * TILE_SIZE + x];
}

/** Fills in the cells that were set in the range; the others are 0. */
function readSetSince(tile: TilePast, from: number, cells: Float64Array): void {
  cells.fill(0);
  const to = tile.point.offset;
  eachBlockSince(tile, from, (changes) => {
    while (changes.next() && changes.offset <= to) {
      if (changes.offset > from) cells[changes.place] = cellOf(changes.offset, changes.color);
    }
  });
}
