import { ByteReader, type ByteWriter } from '../storage/byte-codec.ts';
import { OpenBlocks, visitBlock } from '../storage/open-blocks.ts';
import type { Row, Snapshot, Tree } from '../storage/tree.ts';
import { keyOffset, OFFSET_MAX, offsetKey, type TreeKey } from '../storage/tree-key.ts';

/** Which keys each event touched, in order, as the fold writes it. */
export class CollectionTouched {
  readonly #blocks: OpenBlocks;
  /** Touches of all time. */
  #touches: number;
  /** Documents that the collection holds; kept by the caller. */
  documents = 0;

  constructor(tree: Tree) {
    this.#blocks = new OpenBlocks(tree);
    const last = blockAt(tree, OFFSET_MAX, null);
    this.#touches = last === null ? 0 : touchesUpTo(last, OFFSET_MAX);
  }

  add(key: TreeKey, offset: number): void {
    const block = this.#blocks.at('', offset, this.#begin);
    block.varint(key.length);
    block.latin1(key);
    this.#touches += 1;
  }

  /** Within a write transaction. */
  commit(): void {
    this.#blocks.commit();
  }

  readonly #begin = (block: ByteWriter): void => {
    block.varint(this.#touches);
    block.varint(this.documents);
  };
}

/** A place among the touches: after `skip` touches of the event at `offset`, or before the event when that is 0. */
export type TouchedPlace = { readonly offset: number; readonly skip: number };

/** Visits touches from a place on, up to the offset `to` (included), while `visit` returns true. */
export function visitTouched(
  tree: Tree,
  { offset: from, skip }: TouchedPlace,
  to: number,
  snapshot: Snapshot,
  visit: (key: TreeKey, place: TouchedPlace) => boolean,
): void {
  const first = tree.last({ low: offsetKey(0), high: offsetKey(from) }, snapshot);
  const low = first?.key ?? offsetKey(from);
  for (const { key: start, value } of tree.range({ low, high: offsetKey(to + 1) }, snapshot)) {
    let goesOn = true;
    let last = -1;
    let nth = 0;
    visitBlock(entriesOf(value), keyOffset(start), (offset, reader) => {
      const length = reader.varint();
      const at = reader.at;
      reader.at += length;
      nth = offset === last ? nth + 1 : 1;
      last = offset;
      if (offset < from || (offset === from && nth <= skip)) return true;
      if (offset > to) return false;
      goesOn = visit(value.toString('latin1', at, at + length), { offset, skip: nth });
      return goesOn;
    });
    if (!goesOn) return;
  }
}

/** How many touches there are in (`from`, `to`], and roughly how many documents there were then: two rows are read. */
export function countTouched(
  tree: Tree,
  from: number,
  to: number,
  snapshot: Snapshot,
): { readonly touches: number; readonly documents: number } {
  const last = blockAt(tree, to, snapshot);
  if (last === null) return { touches: 0, documents: 0 };
  const before = blockAt(tree, from, snapshot);
  const touches = touchesUpTo(last, to) - (before === null ? 0 : touchesUpTo(before, from));
  const reader = new ByteReader(last.value);
  reader.varint();
  return { touches, documents: reader.varint() };
}

function blockAt(tree: Tree, offset: number, snapshot: Snapshot): Row | null {
  return tree.last({ low: offsetKey(0), high: offsetKey(offset) }, snapshot);
}

function touchesUpTo({ key, value }: Row, to: number): number {
  let touches = new ByteReader(value).varint();
  visitBlock(entriesOf(value), keyOffset(key), (offset, reader) => {
    const length = reader.varint();
    reader.at += length;
    if (offset > to) return false;
    touches += 1;
    return true;
  });
  return touches;
}

/** Stands after the block's start: the touches before it, and the documents there were. */
function entriesOf(block: Uint8Array): ByteReader {
  const reader = new ByteReader(block);
  reader.varint();
  reader.varint();
  return reader;
}
