import { assert } from '../assert.ts';
import { Changes } from './raster-changes.ts';
import { blocksBetween, type ChangeSource, keyframeAt } from './raster-file.ts';
import { readColors, readOffsets } from './raster-keyframe.ts';
import { cellOf, TILE_PLACES } from './raster-tile.ts';
import type { RasterTrees } from './raster-trees.ts';
import type { ReadingPoint } from './reading-point.ts';
import { type BlockRecord, readBlockRecord, readTileRecord, type TileRecord } from './tile-record.ts';
import { keyOffset, type TreeKey } from './tree-key.ts';

/** A tile at a position, which its changes are read up to. */
export type TilePast = {
  readonly trees: RasterTrees;
  readonly file: ChangeSource;
  readonly key: TreeKey;
  readonly point: ReadingPoint;
};

const changes = new Changes();

/** Fills in the tile's colours: a keyframe and at most a bounded number of changes. False when it had no change yet. */
export function colorsAt(tile: TilePast, colors: Uint8Array): boolean {
  const { trees, file, key, point } = tile;
  const record = recordOf(tile);
  if (record === null) return false;
  const keyframe = keyframeAt(trees.keyframes, key, point.offset, point.snapshot);
  if (keyframe === null) colors.fill(0);
  else readColors(file.read(keyframe.pointer, keyframe.length), colors);
  for (const row of blocksBetween(trees, key, keyframe?.offset ?? 0, point.offset, point.snapshot)) {
    paint(readBlock(tile, readBlockRecord(row.value)), keyOffset(row.key), point.offset, colors);
  }
  if (record.tailBase < point.offset) paint(record.tail, record.tailBase, point.offset, colors);
  return true;
}

/** The place's cell: a bounded walk back from the position to the last keyframe with offsets. 0 where it was never set. */
export function placementAt(tile: TilePast, place: number): number {
  const { trees, file, key, point } = tile;
  const record = recordOf(tile);
  if (record === null) return 0;
  const { offset, snapshot } = point;
  if (record.tailBase < offset) {
    const cell = lastCell(record.tail, record.tailBase, offset, place);
    if (cell !== 0) return cell;
  }
  const offsets = keyframeAt(trees.offsetKeyframes, key, offset, snapshot);
  for (const row of blocksBetween(trees, key, offsets?.offset ?? 0, offset, snapshot, true)) {
    const cell = lastCell(readBlock(tile, readBlockRecord(row.value)), keyOffset(row.key), offset, place);
    if (cell !== 0) return cell;
  }
  if (offsets === null) return 0;
  const keyframe = keyframeAt(trees.keyframes, key, offsets.offset, snapshot);
  assert(keyframe?.offset === offsets.offset, 'a keyframe with offsets has colours beside it');
  const colors = new Uint8Array(TILE_PLACES);
  const cells = new Float64Array(TILE_PLACES);
  readColors(file.read(keyframe.pointer, keyframe.length), colors);
  readOffsets(file.read(offsets.pointer, offsets.length), offsets.offset, colors, cells);
  return cells[place]!;
}

/** How many changes the tile had. */
export function changesAt(tile: TilePast): number {
  return until(tile).changes;
}

/** The offset of the tile's last change, 0 where it had none yet. */
export function lastChangeAt(tile: TilePast): number {
  return until(tile).last;
}

function until(tile: TilePast): { readonly changes: number; readonly last: number } {
  const { trees, key, point } = tile;
  const record = recordOf(tile);
  if (record === null) return { changes: 0, last: 0 };
  if (record.tailChanges > 0 && record.tailBase < point.offset) {
    return countUntil(record.tail, record.tailBase, point.offset, record.changes - record.tailChanges);
  }
  for (const row of blocksBetween(trees, key, 0, point.offset, point.snapshot, true)) {
    const block = readBlockRecord(row.value);
    return countUntil(readBlock(tile, block), keyOffset(row.key), point.offset, block.changesBefore);
  }
  return { changes: 0, last: 0 };
}

function recordOf({ trees, key, point }: TilePast): TileRecord | null {
  const row = trees.tiles.get(key, point.snapshot);
  return row === undefined ? null : readTileRecord(row);
}

function readBlock({ file }: TilePast, { pointer, length }: BlockRecord): Buffer {
  return file.read(pointer, length);
}

function paint(bytes: Uint8Array, base: number, to: number, colors: Uint8Array): void {
  changes.open(bytes, base);
  while (changes.next() && changes.offset <= to) colors[changes.place] = changes.color;
}

function lastCell(bytes: Uint8Array, base: number, to: number, place: number): number {
  let cell = 0;
  changes.open(bytes, base);
  while (changes.next() && changes.offset <= to) {
    if (changes.place === place) cell = cellOf(changes.offset, changes.color);
  }
  return cell;
}

function countUntil(bytes: Uint8Array, base: number, to: number, before: number) {
  let count = before;
  let last = base;
  changes.open(bytes, base);
  while (changes.next() && changes.offset <= to) {
    count += 1;
    last = changes.offset;
  }
  return { changes: count, last };
}
