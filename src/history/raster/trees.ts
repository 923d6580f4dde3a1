import { join } from 'node:path';
import { assert } from '../../assert.ts';
import { projectionId } from '../collection/trees.ts';
import type { ProjectionDefinition, RasterDefinition } from '../projection.ts';
import type { AppendFileName } from '../storage/append-file.ts';
import type { Tree, Trees } from '../storage/tree.ts';
import { type TreeKey, textKey } from '../storage/tree-key.ts';

/** The trees of one raster; `docs/reference/history.md` has their rows. */
export type RasterTrees = {
  /** tile -> totals and the latest changes. */
  readonly tiles: Tree;
  /** tile, offset of the last change before -> a block of changes. */
  readonly blocks: Tree;
  /** tile, offset -> the colours after that change. */
  readonly keyframes: Tree;
  /** tile, offset -> the offset that set each place, beside every eighth of the keyframes. */
  readonly offsetKeyframes: Tree;
};

const NAMES = ['tiles', 'blocks', 'keyframes', 'offsetKeyframes'] as const;

export function rasterTreeNames(projection: ProjectionDefinition, { name }: RasterDefinition): string[] {
  return NAMES.map((tree) => `${projectionId(projection)}.${name}.${tree}`);
}

export function openRasterTrees(
  trees: Trees,
  projection: ProjectionDefinition,
  definition: RasterDefinition,
): RasterTrees {
  const [tiles, blocks, keyframes, offsetKeyframes] = rasterTreeNames(projection, definition).map((name) =>
    trees.tree(name),
  ) as [Tree, Tree, Tree, Tree];
  return { tiles, blocks, keyframes, offsetKeyframes };
}

export function changeFile(dir: string, projection: ProjectionDefinition, structure: string): AppendFileName {
  return { dir: join(dir, projectionId(projection)), structure, kind: 'changes' };
}

/** Begins the keys of all tiles of a board. */
export function boardKey(board: string): TreeKey {
  const bytes = textKey(board);
  assert(bytes.length > 0 && bytes.length < 256 && !bytes.includes('\0'), 'a board is 1-255 bytes without NUL');
  return `${bytes}\0`;
}

/** The board, NUL, the tile's row and column. */
export function tileKey(board: TreeKey, index: number): TreeKey {
  return board + String.fromCharCode(index >>> 8, index & 0xff);
}

export function tileOfKey(key: TreeKey): { readonly board: TreeKey; readonly index: number } {
  return {
    board: key.slice(0, -2),
    index: key.charCodeAt(key.length - 2) * 256 + key.charCodeAt(key.length - 1),
  };
}
