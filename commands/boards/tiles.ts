/** Pixels lie in tiles of 256 x 256, each a stream of its own: `tile-<board>-<tx>-<ty>`. */
export const TILE_SIDE = 256;
export const TILE_PLACES: number = TILE_SIDE * TILE_SIDE;

/** How many streams' names are kept parsed: as many tiles as sixteen boards of 8192 x 8192 have. */
const PARSED_MAX = 16_384;

export type Tile = {
  readonly board: string;
  /** The board's coordinates of the tile's first place. */
  readonly left: number;
  readonly top: number;
};

const parsed = new Map<string, Tile>();

export function tileStream(board: string, x: number, y: number): string {
  return `tile-${board}-${Math.floor(x / TILE_SIDE)}-${Math.floor(y / TILE_SIDE)}`;
}

/** Reads a tile's stream name; remembered, because a fold meets the same few a million times a second. */
export function tileOf(stream: string): Tile {
  const known = parsed.get(stream);
  if (known !== undefined) return known;
  const second = stream.lastIndexOf('-');
  const first = stream.lastIndexOf('-', second - 1);
  const tile = {
    board: stream.slice('tile-'.length, first),
    left: Number(stream.slice(first + 1, second)) * TILE_SIDE,
    top: Number(stream.slice(second + 1)) * TILE_SIDE,
  };
  if (parsed.size >= PARSED_MAX) parsed.clear();
  parsed.set(stream, tile);
  return tile;
}
