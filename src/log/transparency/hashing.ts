import { hash } from 'node:crypto';

/** RFC 6962 section 2.1: leaves and nodes are hashed apart, so that neither can be taken for the other. */
const LEAF = 0;
const NODE = 1;

export const HASH_BYTES = 32;

/** The root of the tree without leaves. */
export const EMPTY_ROOT = hash('sha256', '', 'buffer');

const leaf = { bytes: Buffer.alloc(4096, LEAF) };
const node = Buffer.alloc(1 + 2 * HASH_BYTES, NODE);

/** Writes the hash of a leaf's bytes to `target`. The hot path: a string of bytes costs a third of what a Buffer does. */
export function writeLeafHash(bytes: Uint8Array, target: Buffer, at: number): void {
  if (leaf.bytes.length <= bytes.length) leaf.bytes = Buffer.alloc(2 * bytes.length, LEAF);
  leaf.bytes.set(bytes, 1);
  target.write(hash('sha256', leaf.bytes.subarray(0, 1 + bytes.length), 'binary'), at, HASH_BYTES, 'latin1');
}

/** Writes the hash of the node above the two hashes that stand at `from`, one after the other. May write over them. */
export function writeNodeHash(hashes: Buffer, from: number, target: Buffer, at: number): void {
  hashes.copy(node, 1, from, from + 2 * HASH_BYTES);
  target.write(hash('sha256', node, 'binary'), at, HASH_BYTES, 'latin1');
}

export function leafHash(bytes: Uint8Array): Buffer {
  const target = Buffer.allocUnsafe(HASH_BYTES);
  writeLeafHash(bytes, target, 0);
  return target;
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const target = Buffer.concat([left, right]);
  writeNodeHash(target, 0, target, 0);
  return target.subarray(0, HASH_BYTES);
}

/** The root of 2, 4, 8 … hashes that stand one after the other; one is its own root. Works in `hashes` itself. */
export function foldInPlace(hashes: Buffer): Buffer {
  for (let count = hashes.length / HASH_BYTES; count > 1; count /= 2) {
    for (let at = 0; at < count; at += 2) writeNodeHash(hashes, at * HASH_BYTES, hashes, (at / 2) * HASH_BYTES);
  }
  return hashes.subarray(0, HASH_BYTES);
}
