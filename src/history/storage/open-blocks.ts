import { type ByteReader, ByteWriter } from './byte-codec.ts';
import type { Tree } from './tree.ts';
import { offsetKey, type TreeKey } from './tree-key.ts';

const ENTRIES_MAX = 512;
const OPEN_BLOCKS_MAX = 1_024;

type OpenBlock = { readonly first: number; last: number; entries: number; readonly bytes: ByteWriter };

/**
 * Small facts by offset, packed many to a row so that they cost bytes rather than rows. A row's key is a prefix and the first
 * offset in it. The last row of a prefix stays open while it is short: the next commit writes it again, longer.
 */
export class OpenBlocks {
  readonly #tree: Tree;
  readonly #open = new Map<TreeKey, OpenBlock>();
  readonly #changed = new Map<TreeKey, OpenBlock>();
  readonly #full: [TreeKey, Buffer][] = [];

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /**
   * Where to write the fact of `offset`: its distance from the fact before, 0 for the first, is written already. `begin` writes
   * what stands at a block's start.
   */
  at(prefix: TreeKey, offset: number, begin?: (bytes: ByteWriter) => void): ByteWriter {
    let block = this.#open.get(prefix);
    // One event's facts stay together: two blocks never begin at one offset.
    if (block === undefined || (block.entries >= ENTRIES_MAX && offset > block.last)) {
      if (block !== undefined) this.#flush(prefix, block);
      block = { first: offset, last: offset, entries: 0, bytes: new ByteWriter(64) };
      begin?.(block.bytes);
      this.#open.set(prefix, block);
    }
    block.bytes.varint(offset - block.last);
    block.last = offset;
    block.entries += 1;
    this.#changed.set(prefix, block);
    return block.bytes;
  }

  /** Within a write transaction. */
  commit(): void {
    for (const [key, bytes] of this.#full) this.#tree.put(key, bytes);
    this.#full.length = 0;
    for (const [prefix, block] of this.#changed) this.#tree.put(prefix + offsetKey(block.first), block.bytes.view());
    this.#changed.clear();
    if (this.#open.size > OPEN_BLOCKS_MAX) this.#open.clear();
  }

  #flush(prefix: TreeKey, block: OpenBlock): void {
    if (this.#changed.delete(prefix)) this.#full.push([prefix + offsetKey(block.first), block.bytes.view()]);
  }
}

/** Visits a block's facts while `visit`, which reads the fact itself, returns true. `reader` stands after the block's start. */
export function visitBlock(
  reader: ByteReader,
  first: number,
  visit: (offset: number, reader: ByteReader) => boolean,
): void {
  let offset = first;
  while (reader.at < reader.bytes.length) {
    offset += reader.varint();
    if (!visit(offset, reader)) return;
  }
}
