import type { Region } from '../db.ts';
import { TILE_SIZE } from './tile.ts';

/** True for a place of the region; without one, for any. */
export function isIn(region: Region | undefined, x: number, y: number): boolean {
  if (region === undefined) return true;
  return x >= region.x && x < region.x + region.width && y >= region.y && y < region.y + region.height;
}

/** True for a tile that has places of the region; without one, for any. */
export function isTileIn(region: Region | undefined, index: number): boolean {
  if (region === undefined) return true;
  const [left, top] = [(index & 0xff) * TILE_SIZE, (index >>> 8) * TILE_SIZE];
  const { x, y, width, height } = region;
  return left < x + width && left + TILE_SIZE > x && top < y + height && top + TILE_SIZE > y;
}
