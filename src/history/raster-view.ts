import { setImmediate } from 'node:timers/promises';
import { assert } from '../assert.ts';
import type { AppendFileReader } from './append-file.ts';
import type { Placement, RasterView } from './db.ts';
import type { FoldProgress } from './fold-progress.ts';
import type { LiveBoards } from './live-boards.ts';
import { changesAt, colorsAt, lastChangeAt, placementAt, type TilePast } from './raster-past.ts';
import { cellColor, cellOffset, type LiveTile, TILE_PLACES, TILE_SIZE, tileIndex } from './raster-tile.ts';
import { boardKey, type RasterTrees, tileKey } from './raster-trees.ts';
import type { ReadingPoint } from './reading-point.ts';

const LIVE_READ_ATTEMPTS = 3;
/** Tiles of one board that are read before other work of the thread goes on. */
const TILES_A_TURN = 32;

/** Reads a raster: from the live tiles where they are as of the position, else from the change file. */
export class ReadRaster implements RasterView {
  readonly #trees: RasterTrees;
  readonly #file: AppendFileReader;
  readonly #boards: LiveBoards;
  readonly #progress: FoldProgress;
  readonly #point: () => ReadingPoint;

  constructor(
    trees: RasterTrees,
    file: AppendFileReader,
    boards: LiveBoards,
    progress: FoldProgress,
    point: () => ReadingPoint,
  ) {
    this.#trees = trees;
    this.#file = file;
    this.#boards = boards;
    this.#progress = progress;
    this.#point = point;
  }

  async pixels(board: string, width: number, height: number): Promise<Uint8Array> {
    const pixels = new Uint8Array(width * height);
    const scratch = new Uint8Array(TILE_PLACES);
    let tiles = 0;
    for (const [index, tile] of this.#boards.tiles(boardKey(board))) {
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
        pixels.set(colors.subarray(start, start + columns), (top + row) * width + left);
      }
    }
    return pixels;
  }

  placement(board: string, x: number, y: number): Placement | null {
    const index = tileIndex(x, y);
    const tile = this.#boards.tiles(boardKey(board)).get(index);
    if (tile === undefined) return null;
    const place = (y & 0xff) * TILE_SIZE + (x & 0xff);
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
    for (const [index, tile] of this.#boards.tiles(boardKey(board))) {
      const [, changedAt] = this.#totals(tile);
      last = Math.max(last, changedAt <= point.offset ? changedAt : lastChangeAt(this.#past(board, index, point)));
    }
    return last;
  }

  changes(board: string): number {
    const point = this.#point();
    let changes = 0;
    for (const [index, tile] of this.#boards.tiles(boardKey(board))) {
      const [count, changedAt] = this.#totals(tile);
      changes += changedAt <= point.offset ? count : changesAt(this.#past(board, index, point));
    }
    return changes;
  }

  /** The tile's colours at the position, or `null` for a tile that had no change yet. May be `scratch`. */
  #colors(board: string, index: number, tile: LiveTile, scratch: Uint8Array): Uint8Array | null {
    const point = this.#point();
    for (let attempt = 0; attempt < LIVE_READ_ATTEMPTS; attempt++) {
      let isThen = false;
      const isWhole = this.#progress.readTiles(() => {
        isThen = tile.totals[1]! <= point.offset;
        if (isThen) scratch.set(tile.colors);
      });
      if (isWhole && isThen) return scratch;
      if (isWhole) break;
    }
    return colorsAt(this.#past(board, index, point), scratch) ? scratch : null;
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
    return { trees: this.#trees, file: this.#file, key: tileKey(boardKey(board), index), point };
  }
}
