import { assert } from '../../assert.ts';
import type { RasterWriter } from '../projection.ts';
import type { AppendFile } from '../storage/append-file.ts';
import { ByteWriter } from '../storage/byte-codec.ts';
import { offsetKey, TREE_END, type TreeKey } from '../storage/tree-key.ts';
import { Changes, paintChanges, writeChange } from './changes.ts';
import { applyChanges, loadTile } from './file.ts';
import { writeColors, writeOffsets } from './keyframe.ts';
import { type LiveTile, liveTile, TILE_PLACES, tileIndex } from './tile.ts';
import {
  readTileRecord,
  type TileRecord,
  writeBlockRecord,
  writeKeyframeRecord,
  writeTileRecord,
} from './tile-record.ts';
import { boardKey, type RasterTrees, tileKey, tileOfKey } from './trees.ts';

/** Changes of a tile between two keyframes, at least; at most a commit's more. */
export const KEYFRAME_CHANGES = 8_192;
/** Changes of a tile between two keyframes that know offsets too. */
const OFFSET_KEYFRAME_CHANGES = 65_536;
/** From this many on, changes move from the tile's row to a block in the change file. */
const BLOCK_CHANGES_MIN = 256;
const PENDING_BYTES_KEPT = 16 * 1024;
const NO_CHANGES = Buffer.alloc(0);

/** A tile as the fold knows it. */
type Tile = {
  readonly key: TreeKey;
  readonly live: LiveTile;
  /** As of the last commit. */
  record: TileRecord;
  /** Packed changes since the last commit. */
  pending: ByteWriter;
  pendingChanges: number;
  /** Offset of the last change, pending ones included. */
  last: number;
};

/** Told about every tile that is made or loaded, before the commit that it is part of is published. */
export type TileListener = (board: TreeKey, index: number, memory: SharedArrayBuffer) => void;

/** The fold's side of a raster: packs changes as they come, shows and writes them at the commit. */
export class FoldedRaster implements RasterWriter {
  readonly #trees: RasterTrees;
  readonly #file: AppendFile;
  readonly #onTile: TileListener;
  readonly #boards = new Map<TreeKey, Map<number, Tile>>();
  readonly #changes = new Changes();
  readonly #record = new ByteWriter(4096);
  #writes: [keyof RasterTrees, TreeKey, Buffer][] = [];
  #touched: Tile[] = [];
  #board = '';
  #boardTiles = new Map<number, Tile>();
  /** The event that is being folded. */
  offset = 0;
  pendingBytes = 0;
  /** True when a tile has as many pending changes as one keyframe may be apart. */
  isFull = false;

  constructor(trees: RasterTrees, file: AppendFile, onTile: TileListener) {
    this.#trees = trees;
    this.#file = file;
    this.#onTile = onTile;
    for (const { key, value } of trees.tiles.range({ low: '\0', high: TREE_END })) {
      const { board, index } = tileOfKey(key);
      const record = readTileRecord(value);
      const tile = this.#addTile(board, index, record);
      loadTile(trees, file, key, record, this.#changes, tile.live);
    }
  }

  get file(): AppendFile {
    return this.#file;
  }

  set(board: string, x: number, y: number, color: number): void {
    if (board !== this.#board) this.#enter(board);
    const index = tileIndex(x, y);
    const tile = this.#boardTiles.get(index) ?? this.#newTile(board, index);
    if (tile.pendingChanges === 0) this.#touched.push(tile);
    writeChange(tile.pending, (y & 0xff) * 256 + (x & 0xff), color, this.offset, tile.last);
    tile.last = this.offset;
    tile.pendingChanges += 1;
    this.pendingBytes += 4;
    if (tile.pendingChanges >= KEYFRAME_CHANGES) this.isFull = true;
  }

  /** Before the write transaction: what its rows point to must be there first. */
  flush(): void {
    for (const tile of this.#touched) this.#store(tile);
    this.#file.flush();
  }

  /** Within a write transaction. */
  commit(): void {
    for (const [tree, key, value] of this.#writes) this.#trees[tree].put(key, value);
    for (const tile of this.#touched) {
      writeTileRecord(tile.record, this.#record.clear());
      this.#trees.tiles.put(tile.key, this.#record.view());
    }
  }

  /** After `flush`: makes the pending changes visible. The caller marks the time as one in which tiles change. */
  show(): void {
    for (const { pending, live, record } of this.#touched) {
      applyChanges(this.#changes.open(pending.view(), live.totals[1]!), live);
      live.totals[0] = record.changes;
      live.totals[1] = record.last;
    }
  }

  /** After the commit. */
  committed(): void {
    for (const tile of this.#touched) {
      tile.pendingChanges = 0;
      if (tile.pending.bytes.length > PENDING_BYTES_KEPT) tile.pending = new ByteWriter(PENDING_BYTES_KEPT);
      else tile.pending.clear();
    }
    this.#touched = [];
    this.#writes = [];
    this.pendingBytes = 0;
    this.isFull = false;
  }

  /** Puts the pending changes where they will be read from: with the tile's row while they are few, else in a block. */
  #store(tile: Tile): void {
    const { record } = tile;
    const tail = record.tailChanges === 0 ? tile.pending.copy() : Buffer.concat([record.tail, tile.pending.view()]);
    const tailChanges = record.tailChanges + tile.pendingChanges;
    const changes = record.changes + tile.pendingChanges;
    const sinceKeyframe = record.sinceKeyframe + tile.pendingChanges;
    const sinceOffsetKeyframe = record.sinceOffsetKeyframe + tile.pendingChanges;
    const next = { ...record, changes, last: tile.last, sinceKeyframe, sinceOffsetKeyframe, tailChanges, tail };
    const hasKeyframe = sinceKeyframe >= KEYFRAME_CHANGES;
    if (hasKeyframe || tailChanges >= BLOCK_CHANGES_MIN) {
      const pointer = this.#file.append(tail);
      this.#record.clear();
      writeBlockRecord(
        { pointer, length: tail.length, changes: tailChanges, changesBefore: changes - tailChanges },
        this.#record,
      );
      this.#writes.push(['blocks', tile.key + offsetKey(record.tailBase), this.#record.copy()]);
      Object.assign(next, { tailBase: tile.last, tailChanges: 0, tail: NO_CHANGES });
    }
    if (hasKeyframe) {
      const hasOffsets = sinceOffsetKeyframe >= OFFSET_KEYFRAME_CHANGES;
      this.#storeKeyframe(tile, hasOffsets);
      Object.assign(next, { sinceKeyframe: 0, sinceOffsetKeyframe: hasOffsets ? 0 : sinceOffsetKeyframe });
    }
    tile.record = next;
  }

  /** The live state is that of the last commit still, so the pending changes are laid over a copy. */
  #storeKeyframe(tile: Tile, hasOffsets: boolean): void {
    const { live, pending } = tile;
    const base = live.totals[1]!;
    const colors = live.colors.slice();
    paintChanges(pending.view(), base, tile.last, colors);
    const bytes = new ByteWriter(TILE_PLACES);
    writeColors(colors, bytes);
    this.#writeKeyframe('keyframes', tile, bytes);
    if (!hasOffsets) return;
    const cells = live.cells.slice();
    applyChanges(this.#changes.open(pending.view(), base), { cells, colors });
    writeOffsets(cells, tile.last, bytes.clear());
    this.#writeKeyframe('offsetKeyframes', tile, bytes);
  }

  #writeKeyframe(tree: 'keyframes' | 'offsetKeyframes', tile: Tile, bytes: ByteWriter): void {
    const pointer = this.#file.append(bytes.view());
    writeKeyframeRecord({ pointer, length: bytes.length }, this.#record.clear());
    this.#writes.push([tree, tile.key + offsetKey(tile.last), this.#record.copy()]);
  }

  #enter(board: string): void {
    this.#boardTiles = this.#tilesOf(boardKey(board));
    this.#board = board;
  }

  #tilesOf(board: TreeKey): Map<number, Tile> {
    let tiles = this.#boards.get(board);
    if (tiles === undefined) {
      tiles = new Map();
      this.#boards.set(board, tiles);
    }
    return tiles;
  }

  #newTile(board: string, index: number): Tile {
    assert(index >= 0 && index < 65_536, 'a place is within 65,536 x 65,536');
    const record = { changes: 0, last: 0, sinceKeyframe: 0, sinceOffsetKeyframe: 0, tailBase: 0, tailChanges: 0 };
    return this.#addTile(boardKey(board), index, { ...record, tail: NO_CHANGES });
  }

  #addTile(board: TreeKey, index: number, record: TileRecord): Tile {
    const live = liveTile();
    const tile: Tile = {
      key: tileKey(board, index),
      live,
      record,
      pending: new ByteWriter(1024),
      pendingChanges: 0,
      last: record.last,
    };
    this.#tilesOf(board).set(index, tile);
    this.#onTile(board, index, live.memory);
    return tile;
  }
}
