import { assert } from '../../assert.ts';
import type { ReadingPoint } from '../folding/reading-point.ts';
import { keyOffset, offsetKey, type TreeKey } from '../storage/tree-key.ts';
import { Changes, paintChanges } from './changes.ts';
import { blocksBetween, type ChangeSource, keyframeAt } from './file.ts';
import { readColors, readOffsets } from './keyframe.ts';
import { cellOf, TILE_PLACES } from './tile.ts';
import { type BlockRecord, readBlockRecord, readTileRecord, type TileRecord } from './tile-record.ts';
import type { RasterTrees } from './trees.ts';

/** A tile at a position, which its changes are read up to. */
export type TilePast = {
  readonly trees: RasterTrees;
  readonly file: ChangeSource;
  readonly key: TreeKey;
  readonly point: ReadingPoint;
};

const changes = new Changes();
/** What is read of the file is used before the next is: a whole keyframe, and the changes between two. */
const memory = Buffer.allocUnsafeSlow(128 * 1024);

/** Fills in the tile's colours: a keyframe and at most a bounded number of changes. False when it had no change yet. */
export function colorsAt(tile: TilePast, colors: Uint8Array): boolean {
  const { trees, file, key, point } = tile;
  const record = recordOf(tile);
  if (record === null) return false;
  const keyframe = keyframeAt(trees.keyframes, key, point.offset, point.snapshot);
  if (keyframe === null) colors.fill(0);
  else readColors(file.read(keyframe.pointer, keyframe.length, memory), colors);
  for (const row of blocksBetween(trees, key, keyframe?.offset ?? 0, point.offset, point.snapshot)) {
    paintChanges(readBlock(tile, readBlockRecord(row.value)), keyOffset(row.key), point.offset, colors);
  }
  if (record.tailBase < point.offset) paintChanges(record.tail, record.tailBase, point.offset, colors);
  return true;
}

/** Hands over the tile's changes up to its position, a block at a time, from the block that has the first after `from`. */
export function eachBlockSince(tile: TilePast, from: number, visit: (changes: Changes) => void): void {
  const { trees, key, point } = tile;
  const record = recordOf(tile);
  if (record === null) return;
  const first = trees.blocks.last({ low: key + offsetKey(0), high: key + offsetKey(from) }, point.snapshot);
  if (first !== null) {
    for (const row of blocksBetween(trees, key, keyOffset(first.key), point.offset, point.snapshot)) {
      visit(changes.open(readBlock(tile, readBlockRecord(row.value)), keyOffset(row.key)));
    }
  }
  if (record.tailBase < point.offset) visit(changes.open(record.tail, record.tailBase));
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

/** The tile's row, `null` before its first change. */
export function recordOf({ trees, key, point }: TilePast): TileRecord | null {
  const row = trees.tiles.get(key, point.snapshot);
  return row === undefined ? null : readTileRecord(row);
}

function readBlock({ file }: TilePast, { pointer, length }: BlockRecord): Buffer {
  return file.read(pointer, length, memory);
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
