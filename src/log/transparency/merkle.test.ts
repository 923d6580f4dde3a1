import { describe, expect, test } from 'vitest';
import { HASH_BYTES, leafHash, nodeHash } from './hashing.ts';
import {
  consistencyProof,
  inclusionProof,
  rootHash,
  type TreeHashes,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';
import { hashesAt, TILE_WIDTH } from './tile.ts';
import { TreeBuilder } from './tree-builder.ts';

// The reference tree of the Certificate Transparency test suite (RFC 6962 hashing), as its C++, Go and Java programs have it.
const ENTRIES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const INCLUSION = [
  {
    index: 0,
    size: 8,
    proof: [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  },
  {
    index: 5,
    size: 8,
    proof: [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
];
const CONSISTENCY = [
  {
    from: 2,
    to: 8,
    proof: [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  },
  {
    from: 6,
    to: 8,
    proof: [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
];

const hex = (hash: Buffer) => hash.toString('hex');
const unhex = (text: string) => Buffer.from(text, 'hex');

/** The tiles' levels in memory. */
class MemoryHashes implements TreeHashes {
  readonly levels: Buffer[] = [];

  readonly add = (level: number, hashes: Buffer) => {
    this.levels[level] = Buffer.concat([this.levels[level] ?? Buffer.alloc(0), hashes]);
  };

  read(level: number, from: number, count: number): Buffer {
    return Buffer.from(this.levels[level]!.subarray(from * HASH_BYTES, (from + count) * HASH_BYTES));
  }
}

function treeOf(entries: Iterable<Buffer>): { readonly hashes: MemoryHashes; readonly roots: readonly Buffer[] } {
  const hashes = new MemoryHashes();
  const builder = new TreeBuilder(hashes.add);
  const roots = [builder.root()];
  for (const entry of entries) {
    builder.add(entry);
    roots.push(builder.root());
  }
  builder.flush();
  return { hashes, roots };
}

/** RFC 6962 section 2.1, word for word. */
function plainRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0]!;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(plainRoot(leaves.slice(0, split)), plainRoot(leaves.slice(split)));
}

describe('the reference tree of Certificate Transparency', () => {
  const { hashes, roots } = treeOf(ENTRIES.map(unhex));

  test('its roots', () => {
    expect(roots.map(hex)).toEqual(ROOTS);
    for (const [size, root] of ROOTS.entries()) expect(hex(rootHash(hashes, size))).toBe(root);
  });

  test.each(INCLUSION)('the inclusion of leaf $index in $size', ({ index, size, proof }) => {
    expect(inclusionProof(hashes, index, size).map(hex)).toEqual(proof);
    const leaf = leafHash(unhex(ENTRIES[index]!));
    expect(verifyInclusion(leaf, index, size, proof.map(unhex), unhex(ROOTS[size]!))).toBe(true);
  });

  test.each(CONSISTENCY)('the consistency of $from with $to', ({ from, to, proof }) => {
    expect(consistencyProof(hashes, from, to).map(hex)).toEqual(proof);
    const [old, now] = [from, to].map((size) => ({ size, root: unhex(ROOTS[size]!) }));
    expect(verifyConsistency(old!, now!, proof.map(unhex))).toBe(true);
  });
});

describe('trees of up to 300 leaves', () => {
  const SIZE_MAX = 300;
  const entries = Array.from({ length: SIZE_MAX }, (_, at) => Buffer.from(`entry ${at}`));
  const leaves = entries.map(leafHash);
  const { hashes, roots } = treeOf(entries);
  const sizes = Array.from({ length: SIZE_MAX + 1 }, (_, size) => size);

  test('roots are those of the definition', () => {
    for (const size of sizes.slice(1)) {
      expect(hex(roots[size]!)).toBe(hex(plainRoot(leaves.slice(0, size))));
      expect(hex(rootHash(hashes, size))).toBe(hex(roots[size]!));
    }
  });

  test('every leaf is proved to be in every tree, and no other leaf in its place', () => {
    for (const size of [...sizes.slice(1, 40), 127, 128, 129, 255, 256, 257, 300]) {
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(hashes, index, size);
        const root = roots[size]!;
        expect(verifyInclusion(leaves[index]!, index, size, proof, root)).toBe(true);
        expect(verifyInclusion(leaves[(index + 1) % SIZE_MAX]!, index, size, proof, root)).toBe(false);
        expect(verifyInclusion(leaves[index]!, index, size, [...proof, root], root)).toBe(false);
        if (proof.length > 0) expect(verifyInclusion(leaves[index]!, index, size, proof.slice(1), root)).toBe(false);
      }
    }
  });

  test('every tree is proved to begin every later one, and no other tree', () => {
    for (const to of sizes) {
      for (let from = to < 40 ? 0 : to % 23; from <= to; from += to < 40 || to > 290 ? 1 : 23) {
        const proof = consistencyProof(hashes, from, to);
        const [old, now] = [from, to].map((size) => ({ size, root: roots[size]! }));
        expect(verifyConsistency(old!, now!, proof)).toBe(true);
        const forged = { size: from, root: leaves[0]!.equals(old!.root) ? leaves[1]! : leaves[0]! };
        expect(verifyConsistency(forged, now!, proof)).toBe(false);
        if (proof.length > 0) expect(verifyConsistency(old!, now!, proof.slice(0, -1))).toBe(false);
      }
    }
  });

  test('a tree that was left goes on where it stood', () => {
    for (const size of [0, 1, 255, 256, 257, 299]) {
      const kept = new MemoryHashes();
      const first = new TreeBuilder(kept.add);
      for (const entry of entries.slice(0, size)) first.add(entry);
      first.flush();
      const second = TreeBuilder.resume(size, (...asked) => kept.read(...asked), kept.add);
      for (const entry of entries.slice(size)) second.add(entry);
      second.flush();
      expect(hex(second.root())).toBe(hex(roots[SIZE_MAX]!));
      expect(kept.levels.map(hex)).toEqual(hashes.levels.map(hex));
    }
  });
});

test('a tree of three levels: 70,000 leaves', () => {
  const size = 70_000;
  const leaves = Array.from({ length: size }, (_, at) => Buffer.from(String(at)));
  const hashes = new MemoryHashes();
  const builder = new TreeBuilder(hashes.add);
  for (const leaf of leaves) builder.add(leaf);
  builder.flush();
  // The numbers are the example of C2SP tlog-tiles.
  expect(hashes.levels.map((level) => level.length / HASH_BYTES)).toEqual([70_000, 273, 1]);
  expect([0, 1, 2].map((level) => hashesAt(level, size) % TILE_WIDTH)).toEqual([112, 17, 1]);
  expect(hex(builder.root())).toBe(hex(plainRoot(leaves.map(leafHash))));
  for (const index of [0, 65_535, 65_536, 69_999]) {
    const proof = inclusionProof(hashes, index, size);
    expect(verifyInclusion(leafHash(leaves[index]!), index, size, proof, builder.root())).toBe(true);
  }
  for (const from of [1, 255, 256, 65_535, 65_536, 65_537, 69_999]) {
    const proof = consistencyProof(hashes, from, size);
    const old = { size: from, root: rootHash(hashes, from) };
    expect(verifyConsistency(old, { size, root: builder.root() }, proof)).toBe(true);
  }
});
