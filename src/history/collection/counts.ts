import type { CollectionDefinition, Document } from '../projection.ts';
import { ByteReader, ByteWriter } from '../storage/byte-codec.ts';
import { OpenBlocks, visitBlock } from '../storage/open-blocks.ts';
import type { Snapshot } from '../storage/tree.ts';
import { keyOffset, offsetKey, type TreeKey, valuePart } from '../storage/tree-key.ts';
import type { CollectionTrees } from './trees.ts';

/** The versioned counters of a collection, as the fold writes them. */
export class CollectionCounts {
  readonly #counters: readonly ((document: Document) => string | null)[];
  readonly #trees: CollectionTrees;
  readonly #history: OpenBlocks;
  readonly #counts = new Map<TreeKey, number>();

  constructor(definition: CollectionDefinition, trees: CollectionTrees) {
    this.#counters = Object.keys(definition.counters)
      .sort()
      .map((name) => definition.counters[name]!);
    this.#trees = trees;
    this.#history = new OpenBlocks(trees.pastCounts);
  }

  change(before: Document | null, after: Document | null, offset: number): void {
    for (let at = 0; at < this.#counters.length; at++) {
      const counter = this.#counters[at]!;
      const left = before === null ? null : counter(before);
      const entered = after === null ? null : counter(after);
      if (left === entered) continue;
      if (left !== null) this.#add(countKey(at, left), -1, offset);
      if (entered !== null) this.#add(countKey(at, entered), 1, offset);
    }
  }

  /** Within a write transaction. */
  commit(): void {
    const value = new ByteWriter(16);
    for (const [key, count] of this.#counts) {
      value.clear().varint(count);
      this.#trees.counts.put(key, value.view());
    }
    this.#counts.clear();
    this.#history.commit();
  }

  #add(key: TreeKey, difference: 1 | -1, offset: number): void {
    const before = this.#counts.get(key) ?? currentCount(this.#trees, key, null);
    const after = before + difference;
    this.#counts.set(key, after);
    this.#history.at(key, offset).varint(after);
  }
}

export function countKey(ordinal: number, value: string): TreeKey {
  return String.fromCharCode(ordinal) + valuePart(value);
}

export function currentCount(trees: CollectionTrees, key: TreeKey, snapshot: Snapshot): number {
  const bytes = trees.counts.get(key, snapshot);
  return bytes === undefined ? 0 : new ByteReader(bytes).varint();
}

/** The count after the event at `offset`. */
export function countAt(trees: CollectionTrees, key: TreeKey, offset: number, snapshot: Snapshot): number {
  const row = trees.pastCounts.last({ low: key, high: key + offsetKey(offset) }, snapshot);
  let count = 0;
  if (row === null) return count;
  visitBlock(new ByteReader(row.value), keyOffset(row.key), (at, reader) => {
    const after = reader.varint();
    if (at > offset) return false;
    count = after;
    return true;
  });
  return count;
}
