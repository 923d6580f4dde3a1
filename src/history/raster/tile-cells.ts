import { keyOffset } from '../storage/tree-key.ts';
import { Changes } from './changes.ts';
import { blocksBetween, keyframeAt } from './file.ts';
import { readColors, readOffsets } from './keyframe.ts';
import type { TilePast } from './past.ts';
import { cellOf, TILE_PLACES } from './tile.ts';
import { readBlockRecord, readTileRecord } from './tile-record.ts';

const changes = new Changes();
const colors = new Uint8Array(TILE_PLACES);

/** Fills in the tile's cells as of the position: the last keyframe with offsets, and the changes after it. */
export function readCellsAt({ trees, file, key, point }: TilePast, cells: Float64Array): void {
  cells.fill(0);
  const { offset, snapshot } = point;
  const row = trees.tiles.get(key, snapshot);
  if (row === undefined) return;
  const record = readTileRecord(row);
  const offsets = keyframeAt(trees.offsetKeyframes, key, offset, snapshot);
  if (offsets !== null) {
    const keyframe = keyframeAt(trees.keyframes, key, offsets.offset, snapshot)!;
    readColors(file.read(keyframe.pointer, keyframe.length), colors);
    readOffsets(file.read(offsets.pointer, offsets.length), offsets.offset, colors, cells);
  }
  for (const block of blocksBetween(trees, key, offsets?.offset ?? 0, offset, snapshot)) {
    const { pointer, length } = readBlockRecord(block.value);
    apply(file.read(pointer, length), keyOffset(block.key), offset, cells);
  }
  if (record.tailBase < offset) apply(record.tail, record.tailBase, offset, cells);
}

function apply(bytes: Uint8Array, base: number, to: number, cells: Float64Array): void {
  changes.open(bytes, base);
  while (changes.next() && changes.offset <= to) cells[changes.place] = cellOf(changes.offset, changes.color);
}
