import type { Row, Snapshot, Tree } from '../storage/tree.ts';
import { keyOffset, offsetKey, type TreeKey } from '../storage/tree-key.ts';
import type { Changes } from './changes.ts';
import { readColors, readOffsets } from './keyframe.ts';
import { cellOf, type LiveTile } from './tile.ts';
import { readBlockRecord, readKeyframeRecord, type TileRecord } from './tile-record.ts';
import type { RasterTrees } from './trees.ts';

/** Where records of the change file are read from; into `memory` where it is given and large enough. */
export type ChangeSource = { read(pointer: number, length: number, memory?: Buffer): Buffer };

/** Applies changes to a tile's live state. */
export function applyChanges(changes: Changes, { cells, colors }: Pick<LiveTile, 'cells' | 'colors'>): void {
  while (changes.next()) {
    cells[changes.place] = cellOf(changes.offset, changes.color);
    colors[changes.place] = changes.color;
  }
}

/** Makes a tile's live state again: the last keyframe with offsets, the blocks after it, the record's own changes. */
export function loadTile(
  trees: RasterTrees,
  source: ChangeSource,
  key: TreeKey,
  record: TileRecord,
  changes: Changes,
  tile: LiveTile,
): void {
  const offsets = keyframeAt(trees.offsetKeyframes, key, record.last, null);
  const from = offsets?.offset ?? 0;
  if (offsets !== null) {
    const colors = keyframeAt(trees.keyframes, key, from, null)!;
    readColors(source.read(colors.pointer, colors.length), tile.colors);
    readOffsets(source.read(offsets.pointer, offsets.length), from, tile.colors, tile.cells);
  }
  for (const row of blocksBetween(trees, key, from, record.last, null)) {
    const { pointer, length } = readBlockRecord(row.value);
    applyChanges(changes.open(source.read(pointer, length), keyOffset(row.key)), tile);
  }
  applyChanges(changes.open(record.tail, record.tailBase), tile);
  tile.totals[0] = record.changes;
  tile.totals[1] = record.last;
}

/** The last keyframe of a tile at or before `offset`. */
export function keyframeAt(keyframes: Tree, key: TreeKey, offset: number, snapshot: Snapshot) {
  const row = keyframes.last({ low: key + offsetKey(0), high: key + offsetKey(offset) }, snapshot);
  return row === null ? null : { offset: keyOffset(row.key), ...readKeyframeRecord(row.value) };
}

/** The rows of the blocks with changes in (from, to], where `from` is a keyframe's offset or 0: none stands within a block. */
export function blocksBetween(
  trees: RasterTrees,
  key: TreeKey,
  from: number,
  to: number,
  snapshot: Snapshot,
  descending = false,
): Iterable<Row> {
  return trees.blocks.range({ low: key + offsetKey(from), high: key + offsetKey(to), descending }, snapshot);
}
