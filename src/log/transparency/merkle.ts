import { assert } from '../../assert.ts';
import { EMPTY_ROOT, foldInPlace, HASH_BYTES, nodeHash } from './hashing.ts';
import { TILE_HEIGHT } from './tile.ts';

/** Where the hashes of complete subtrees come from: files, tiles fetched from a server, memory. */
export interface TreeHashes {
  /** `count` hashes of the tiles' level, from the one with index `from` on, on memory of their own. */
  read(level: number, from: number, count: number): Buffer;
}

/** The root of the tree of the first `size` leaves (RFC 9162 section 2.1.1). */
export function rootHash(hashes: TreeHashes, size: number): Buffer {
  return size === 0 ? EMPTY_ROOT : rangeHash(hashes, 0, size);
}

/** The hashes that lead from a leaf to the root, lowest first (RFC 9162 section 2.1.3.1). `index` counts from 0. */
export function inclusionProof(hashes: TreeHashes, index: number, size: number): readonly Buffer[] {
  assert(index >= 0 && index < size, 'the leaf is in the tree');
  const proof: Buffer[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      proof.unshift(rangeHash(hashes, middle, end));
      end = middle;
    } else {
      proof.unshift(rangeHash(hashes, start, middle));
      start = middle;
    }
  }
  return proof;
}

/** The hashes that show a tree of `from` leaves to be the beginning of one of `to` (RFC 9162 section 2.1.4.1). */
export function consistencyProof(hashes: TreeHashes, from: number, to: number): readonly Buffer[] {
  assert(from >= 0 && from <= to, 'the old tree is not larger than the new one');
  if (from === 0 || from === to) return [];
  const proof: Buffer[] = [];
  let [start, end] = [0, to];
  // `from` is the end of the old tree within the range at hand.
  while (from !== end) {
    const middle = start + splitOf(end - start);
    if (from <= middle) {
      proof.unshift(rangeHash(hashes, middle, end));
      end = middle;
    } else {
      proof.unshift(rangeHash(hashes, start, middle));
      start = middle;
    }
  }
  // The verifier knows the old root itself.
  if (start > 0) proof.unshift(rangeHash(hashes, start, end));
  return proof;
}

/** True when the proof leads from the leaf to the root (RFC 9162 section 2.1.3.2). */
export function verifyInclusion(
  leaf: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
  root: Buffer,
): boolean {
  if (index < 0 || index >= size) return false;
  let [place, last, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(place) || place === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(place) && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && hash.equals(root);
}

/** True when the proof shows that the tree with `fromRoot` is the beginning of the one with `toRoot` (section 2.1.4.2). */
export function verifyConsistency(
  from: { readonly size: number; readonly root: Buffer },
  to: { readonly size: number; readonly root: Buffer },
  proof: readonly Buffer[],
): boolean {
  if (from.size > to.size) return false;
  if (from.size === to.size) return proof.length === 0 && from.root.equals(to.root);
  if (from.size === 0) return proof.length === 0 && from.root.equals(EMPTY_ROOT);
  const path = isPowerOfTwo(from.size) ? [from.root, ...proof] : [...proof];
  const first = path.shift();
  if (first === undefined) return false;
  let [place, last] = [from.size - 1, to.size - 1];
  while (isOdd(place)) [place, last] = [half(place), half(last)];
  let [old, now] = [first, first];
  for (const sibling of path) {
    if (last === 0) return false;
    if (isOdd(place) || place === last) {
      old = nodeHash(sibling, old);
      now = nodeHash(sibling, now);
      while (!isOdd(place) && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      now = nodeHash(now, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && old.equals(from.root) && now.equals(to.root);
}

/** The hash of the leaves [start, end): a subtree that the tree of some size has. */
function rangeHash(hashes: TreeHashes, start: number, end: number): Buffer {
  const count = end - start;
  if (isPowerOfTwo(count)) return subtreeHash(hashes, start, count);
  const middle = start + splitOf(count);
  return nodeHash(rangeHash(hashes, start, middle), rangeHash(hashes, middle, end));
}

/** The hash of `count` leaves, a power of two, from `start`, a multiple of it: folded from the tiles' nearest level. */
function subtreeHash(hashes: TreeHashes, start: number, count: number): Buffer {
  const height = Math.log2(count);
  const level = Math.floor(height / TILE_HEIGHT);
  const below = 2 ** (TILE_HEIGHT * level);
  const read = hashes.read(level, start / below, count / below);
  assert(read.length === (count / below) * HASH_BYTES, 'a complete subtree has all of its hashes');
  return foldInPlace(read);
}

/** The largest power of two below `count`, which is above 1: how many leaves the left subtree has. */
function splitOf(count: number): number {
  return 2 ** Math.floor(Math.log2(count - 1));
}

function isPowerOfTwo(count: number): boolean {
  return 2 ** Math.round(Math.log2(count)) === count;
}

// Sizes pass 2^32, where bit operations end.
const isOdd = (value: number) => value % 2 === 1;
const half = (value: number) => Math.floor(value / 2);
