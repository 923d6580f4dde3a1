/** Tiles are 256 x 256 places; a place is `(y % 256) * 256 + x % 256`. */
export const TILE_SIZE = 256;
export const TILE_PLACES = TILE_SIZE * TILE_SIZE;

const CELLS_BYTES = TILE_PLACES * 8;
const TOTALS_BYTES = 16;

/**
 * A tile's live state, in memory that the fold writes and the main thread reads. A cell is `offset * 256 + colour`, one aligned
 * 8-byte number, so the pair is never torn; 0 is a place that was never set. `colors` repeats the colours for reading whole
 * boards.
 */
export type LiveTile = {
  readonly memory: SharedArrayBuffer;
  readonly cells: Float64Array;
  readonly colors: Uint8Array;
  /** How many changes the tile had, and the offset of the last. */
  readonly totals: Float64Array;
};

export function liveTile(memory = new SharedArrayBuffer(CELLS_BYTES + TILE_PLACES + TOTALS_BYTES)): LiveTile {
  return {
    memory,
    cells: new Float64Array(memory, 0, TILE_PLACES),
    colors: new Uint8Array(memory, CELLS_BYTES, TILE_PLACES),
    totals: new Float64Array(memory, CELLS_BYTES + TILE_PLACES, 2),
  };
}

export function cellOf(offset: number, color: number): number {
  return offset * 256 + color;
}

export function cellOffset(cell: number): number {
  return Math.floor(cell / 256);
}

export function cellColor(cell: number): number {
  return cell % 256;
}

/** A board's tile in keys and maps: row and column, a byte each. */
export function tileIndex(x: number, y: number): number {
  return (y >>> 8) * 256 + (x >>> 8);
}
