import { assert } from '../../assert.ts';
import { EMPTY_ROOT, foldInPlace, HASH_BYTES, nodeHash, writeLeafHash } from './hashing.ts';
import { hashesAt, levelsOf, TILE_BYTES, TILE_WIDTH } from './tile.ts';

/** Takes hashes of a tiles' level, in order, each once; on memory that is used again. */
export type HashSink = (level: number, hashes: Buffer) => void;

/** The tile of a level that grows. */
type OpenTile = { readonly hashes: Buffer; count: number; handed: number };

/** Grows a tree leaf by leaf, of which it keeps the growing tiles alone: 8 KiB a level. */
export class TreeBuilder {
  readonly #sink: HashSink;
  readonly #open: OpenTile[] = [];
  #size = 0;

  constructor(sink: HashSink) {
    this.#sink = sink;
  }

  /** A builder that goes on after `size` leaves, whose growing tiles `read` gives. */
  static resume(
    size: number,
    read: (level: number, from: number, count: number) => Buffer,
    sink: HashSink,
  ): TreeBuilder {
    const builder = new TreeBuilder(sink);
    builder.#size = size;
    for (let level = 0; level < levelsOf(size); level += 1) {
      const all = hashesAt(level, size);
      const count = all % TILE_WIDTH;
      const tile = builder.#tile(level);
      if (count > 0) read(level, all - count, count).copy(tile.hashes);
      tile.count = count;
      tile.handed = count;
    }
    return builder;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a leaf by its bytes. */
  add(bytes: Uint8Array): void {
    const tile = this.#tile(0);
    writeLeafHash(bytes, tile.hashes, tile.count * HASH_BYTES);
    tile.count += 1;
    this.#size += 1;
    if (tile.count === TILE_WIDTH) this.#complete(0, tile);
  }

  /** Hands to the sink what it was not given yet. */
  flush(): void {
    for (const [level, tile] of this.#open.entries()) this.#hand(level, tile);
  }

  /** The root of all leaves so far (RFC 9162 section 2.1.1). */
  root(): Buffer {
    let root: Buffer | null = null;
    // The growing tiles hold the complete subtrees that the tree is made of, smallest first; each goes left of the last.
    for (const { hashes, count } of this.#open) {
      let end = count;
      for (let width = 1; end > 0; width *= 2) {
        if (Math.floor(end / width) % 2 === 0) continue;
        const peak = foldInPlace(Buffer.from(hashes.subarray((end - width) * HASH_BYTES, end * HASH_BYTES)));
        root = root === null ? peak : nodeHash(peak, root);
        end -= width;
      }
    }
    return root ?? EMPTY_ROOT;
  }

  #complete(level: number, tile: OpenTile): void {
    this.#hand(level, tile);
    const above = this.#tile(level + 1);
    foldInPlace(tile.hashes).copy(above.hashes, above.count * HASH_BYTES);
    above.count += 1;
    tile.count = 0;
    tile.handed = 0;
    if (above.count === TILE_WIDTH) this.#complete(level + 1, above);
  }

  #hand(level: number, tile: OpenTile): void {
    if (tile.handed === tile.count) return;
    this.#sink(level, tile.hashes.subarray(tile.handed * HASH_BYTES, tile.count * HASH_BYTES));
    tile.handed = tile.count;
  }

  #tile(level: number): OpenTile {
    let tile = this.#open[level];
    if (tile === undefined) {
      assert(level === this.#open.length, 'a tree grows level by level');
      tile = { hashes: Buffer.alloc(TILE_BYTES), count: 0, handed: 0 };
      this.#open.push(tile);
    }
    return tile;
  }
}
