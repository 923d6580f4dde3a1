import { HASH_BYTES } from './hashing.ts';

/** Tiles as C2SP tlog-tiles has them: 256 hashes wide, 8 levels of the tree high. */
export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 2 ** TILE_HEIGHT;
export const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** A tile of hashes, or a bundle of entries; `width` is 256 for a full one. */
export type Tile = { readonly level: number | 'entries'; readonly index: number; readonly width: number };

const PATH = /^(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;
const LEVEL_MAX = 63;
/** 5 groups of 3 digits are below 2^53. */
const GROUPS_MAX = 5;

/** `0/x001/x234/067`, `entries/000.p/12`: the tile that a path names, or `null` where it is not in canonical form. */
export function parseTilePath(path: string): Tile | null {
  const match = PATH.exec(path);
  if (match === null) return null;
  const [, level = '', number = '', partial] = match;
  const groups = number.split('/').map((group) => group.replace('x', ''));
  const isCanonical = groups.length === 1 || groups[0] !== '000';
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (!isCanonical || groups.length > GROUPS_MAX || (partial !== undefined && width >= TILE_WIDTH)) return null;
  if (level !== 'entries' && Number(level) > LEVEL_MAX) return null;
  return { level: level === 'entries' ? level : Number(level), index: Number(groups.join('')), width };
}

export function formatTilePath({ level, index, width }: Tile): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? [];
  const number = groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join('/');
  return `${level}/${number}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** How many hashes the level has in a tree of `size` leaves: those of subtrees that are complete. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** The levels that a tree of `size` leaves has hashes on, from 0. */
export function levelsOf(size: number): number {
  let levels = 0;
  while (hashesAt(levels, size) > 0) levels += 1;
  return levels;
}
