import { setImmediate } from 'node:timers/promises';
import { assert } from '../../assert.ts';
import { errors } from '../../errors.ts';
import type { Fingerprint, PixelChange, PixelChangePage, Placement, PlacesQuery, RasterView } from '../db.ts';
import type { FoldProgress } from '../folding/fold-progress.ts';
import type { ReadableRaster } from '../folding/read-store.ts';
import type { ReadingPoint } from '../folding/reading-point.ts';
import { readCursor, writeCursor } from '../storage/cursor.ts';
import { keyOffset, offsetKey, TREE_END, type TreeKey } from '../storage/tree-key.ts';
import { pixelChanges, placeKey, readPlaceKey, type TileDifference, tileDifference } from './difference.ts';
import { fingerprintOf } from './fingerprint.ts';
import { changesAt, colorsAt, lastChangeAt, placementAt, type TilePast } from './past.ts';
import { placementsAt } from './placements.ts';
import { isIn, isTileIn } from './region.ts';
import { cellColor, cellOffset, type LiveTile, TILE_PLACES, TILE_SIZE, tileIndex } from './tile.ts';
import { readCellsAt } from './tile-cells.ts';
import { boardKey, tileKey, tileOfKey } from './trees.ts';

const LIVE_READ_ATTEMPTS = 3;
/** Tiles of one board that are read before other work of the thread goes on. */
const TILES_A_TURN = 32;

/** Reads a raster: from the live tiles where they are as of the position, else from the change file. */
export class ReadRaster implements RasterView {
  readonly #name: string;
  readonly #raster: ReadableRaster;
  readonly #progress: FoldProgress;
  readonly #point: () => ReadingPoint;
  /** The last that was asked for: several pages lie in one tile. */
  #difference: (TileDifference & { readonly of: string }) | null = null;

  constructor(name: string, raster: ReadableRaster, progress: FoldProgress, point: () => ReadingPoint) {
    this.#name = name;
    this.#raster = raster;
    this.#progress = progress;
    this.#point = point;
  }

  async pixels(board: string, width: number, height: number): Promise<Uint8Array> {
    const pixels = Buffer.alloc(width * height);
    const scratch = Buffer.alloc(TILE_PLACES);
    let tiles = 0;
    for (const [index, tile] of this.#tiles(board)) {
      const left = (index & 0xff) * TILE_SIZE;
      const top = (index >>> 8) * TILE_SIZE;
      if (left >= width || top >= height) continue;
      if (tiles++ % TILES_A_TURN === TILES_A_TURN - 1) await setImmediate();
      const columns = Math.min(TILE_SIZE, width - left);
      const rows = Math.min(TILE_SIZE, height - top);
      const colors = this.#colors(board, index, tile, scratch);
      if (colors === null) continue;
      for (let row = 0; row < rows; row++) {
        const start = row * TILE_SIZE;
        colors.copy(pixels, (top + row) * width + left, start, start + columns);
      }
    }
    return pixels;
  }

  placement(board: string, x: number, y: number): Placement | null {
    const index = tileIndex(x, y);
    const tile = this.#tiles(board).get(index);
    if (tile === undefined) return null;
    const place = placeIn(x, y);
    const point = this.#point();
    // The live cell is the last placement of all: when it is old enough, it was the last one then too.
    const live = tile.cells[place]!;
    const isThen = cellOffset(live) <= point.offset;
    const cell = isThen ? live : placementAt(this.#past(board, index, point), place);
    return cell === 0 ? null : { color: cellColor(cell), offset: cellOffset(cell) };
  }

  lastChange(board: string): number {
    const point = this.#point();
    let last = 0;
    for (const [index, tile] of this.#tiles(board)) {
      const [, changedAt] = this.#totals(tile);
      last = Math.max(last, changedAt <= point.offset ? changedAt : lastChangeAt(this.#past(board, index, point)));
    }
    return last;
  }

  changes(board: string): number {
    const point = this.#point();
    let changes = 0;
    for (const [index, tile] of this.#tiles(board)) {
      const [count, changedAt] = this.#totals(tile);
      changes += changedAt <= point.offset ? count : changesAt(this.#past(board, index, point));
    }
    return changes;
  }

  async changed({ board, from, within, limit, cursor }: PlacesQuery): Promise<PixelChangePage> {
    const name = JSON.stringify([this.#name, 'changed', board, from, within]);
    const { offset, last } = this.#resume(name, cursor);
    const [lastIndex, lastPlace] = last === null ? [-1, -1] : readPlaceKey(last);
    const items: PixelChange[] = [];
    for (const index of [...this.#tiles(board).keys()].sort((a, b) => a - b)) {
      const tile = this.#tiles(board).get(index)!;
      if (index < lastIndex || !isTileIn(within, index) || this.#totals(tile)[1] <= from) continue;
      const difference = this.#differenceOf(board, index, from, offset);
      for (const change of pixelChanges(difference, index, index === lastIndex ? lastPlace : -1)) {
        if (!isIn(within, change.x, change.y)) continue;
        if (items.length === limit)
          return { items, next: writeCursor(name, { offset, last: placeKey(items.at(-1)!) }) };
        items.push(change);
      }
      await setImmediate();
    }
    return { items, next: null };
  }

  placements(query: { board: string; x: number; y: number; limit: number; cursor?: string }) {
    const { board, x, y, limit, cursor } = query;
    const name = JSON.stringify([this.#name, 'placements', board, x, y]);
    const { offset, last } = this.#resume(name, cursor);
    const to = last === null ? offset : keyOffset(last);
    if (!(to <= offset)) throw errors.error('history.cursor', 'the cursor is not one of this history');
    const point = { ...this.#point(), offset: to };
    const page = placementsAt(this.#past(board, tileIndex(x, y), point), placeIn(x, y), limit);
    const next = page.next === null ? null : writeCursor(name, { offset, last: offsetKey(page.next) });
    return { items: page.items, next };
  }

  async fingerprint(): Promise<Fingerprint> {
    const { trees, boards } = this.#raster;
    const tiles = [...trees.tiles.range({ low: '\0', high: TREE_END }, this.#point().snapshot)].map(({ key }) => key);
    return await fingerprintOf(this.#name, tiles, (key, cells) => {
      const { board, index } = tileOfKey(key);
      const live = boards.tiles(board).get(index);
      const { trees, file } = this.#raster;
      if (live === undefined || !this.#readLive(live, () => cells.set(live.cells))) {
        readCellsAt({ trees, file, key, point: this.#point() }, cells);
      }
    });
  }

  #differenceOf(board: string, index: number, from: number, to: number): TileDifference {
    const of = JSON.stringify([board, index, from, to]);
    if (this.#difference?.of !== of) {
      const point = { ...this.#point(), offset: to };
      this.#difference = { of, ...tileDifference(this.#past(board, index, point), from) };
    }
    return this.#difference;
  }

  #resume(query: string, token: string | undefined): { readonly offset: number; readonly last: TreeKey | null } {
    const { offset, committed } = this.#point();
    if (token === undefined) return { offset, last: null };
    const cursor = readCursor(query, token);
    if (cursor.offset > committed) {
      throw errors.error('history.not-yet', `the cursor is of position ${cursor.offset}; ${committed} is folded`);
    }
    return cursor;
  }

  #tiles(board: string): ReadonlyMap<number, LiveTile> {
    return this.#raster.boards.tiles(boardKey(board));
  }

  /** The tile's colours at the position, or `null` for a tile that had no change yet. May be `scratch`. */
  #colors(board: string, index: number, tile: LiveTile, scratch: Buffer): Buffer | null {
    if (this.#readLive(tile, () => scratch.set(tile.colors))) return scratch;
    return colorsAt(this.#past(board, index, this.#point()), scratch) ? scratch : null;
  }

  /** Runs `read` on a live tile that is as of the position; false when it is not, or changes all the time. */
  #readLive(tile: LiveTile, read: () => void): boolean {
    const { offset } = this.#point();
    for (let attempt = 0; attempt < LIVE_READ_ATTEMPTS; attempt++) {
      let isThen = false;
      const isWhole = this.#progress.readTiles(() => {
        isThen = tile.totals[1]! <= offset;
        if (isThen) read();
      });
      if (isWhole) return isThen;
    }
    return false;
  }

  /** Changes and the last one's offset, of one moment; when tiles keep changing, an offset that is past every position. */
  #totals({ totals }: LiveTile): readonly [number, number] {
    for (let attempt = 0; attempt < LIVE_READ_ATTEMPTS; attempt++) {
      let read: readonly [number, number] = [0, 0];
      if (this.#progress.readTiles(() => (read = [totals[0]!, totals[1]!]))) return read;
    }
    return [0, Number.POSITIVE_INFINITY];
  }

  #past(board: string, index: number, point: ReadingPoint): TilePast {
    assert(point.offset <= point.committed, 'a position is read once it is committed');
    const { trees, file } = this.#raster;
    return { trees, file, key: tileKey(boardKey(board), index), point };
  }
}

/** The place's number within its tile. */
function placeIn(x: number, y: number): number {
  return (y & 0xff) * TILE_SIZE + (x & 0xff);
}
