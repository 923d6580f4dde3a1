import type { TreeKey } from '../storage/tree-key.ts';
import { type LiveTile, liveTile } from './tile.ts';

const NO_TILES: ReadonlyMap<number, LiveTile> = new Map();

/** The live tiles of one raster, as the fold hands them over. */
export class LiveBoards {
  readonly #boards = new Map<TreeKey, Map<number, LiveTile>>();

  add(board: TreeKey, index: number, memory: SharedArrayBuffer): void {
    const tiles = this.#boards.get(board) ?? new Map<number, LiveTile>();
    this.#boards.set(board, tiles.set(index, liveTile(memory)));
  }

  /** By `tileIndex`. A tile that is missing was never touched. */
  tiles(board: TreeKey): ReadonlyMap<number, LiveTile> {
    return this.#boards.get(board) ?? NO_TILES;
  }
}
