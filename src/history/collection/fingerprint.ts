import { setImmediate } from 'node:timers/promises';
import type { Fingerprint } from '../db.ts';
import { DocumentHasher, FingerprintSum } from '../fingerprint.ts';
import type { ReadingPoint } from '../folding/reading-point.ts';
import { TREE_END, type TreeKey } from '../storage/tree-key.ts';
import { type CollectionTrees, FIRST_DOCUMENT } from './trees.ts';
import type { VersionReader } from './version-reader.ts';

/** Documents that are read before other work of the thread goes on. */
const TURN_ROWS = 1_000;

/** Of the collection at the point's offset, by reading every document. `point` gives the newest commit at each turn. */
export async function fingerprintOf(
  collection: string,
  trees: CollectionTrees,
  versions: VersionReader,
  point: () => ReadingPoint,
): Promise<Fingerprint> {
  const hasher = new DocumentHasher(collection);
  const sum = new FingerprintSum();
  for (let low: TreeKey | null = FIRST_DOCUMENT; low !== null; ) {
    low = addTurn(low, trees, versions, point(), (key, bytes) => sum.add(hasher.hash(key, bytes)));
    await setImmediate();
  }
  return sum.value();
}

/** Adds documents from `low` on; gives where the next turn begins. */
function addTurn(
  low: TreeKey,
  trees: CollectionTrees,
  versions: VersionReader,
  { offset, snapshot }: ReadingPoint,
  add: (key: TreeKey, bytes: Buffer) => void,
): TreeKey | null {
  let rows = 0;
  for (const { key, value } of trees.heads.range({ low, high: TREE_END }, snapshot)) {
    const found = versions.findIn(value, key, offset, snapshot);
    const bytes = found === null ? null : versions.bytes(found);
    if (bytes !== null) add(key, bytes);
    rows += 1;
    if (rows === TURN_ROWS) return `${key}\0`;
  }
  return null;
}
