import { expect, test } from 'vitest';
import { BLOCK_BYTES, BlockCache } from './block-cache.ts';

/** A file of `blocks` blocks, each full of its number, that counts how often it is read. */
function numbered(blocks: number) {
  const file = { loads: 0, load: (block: number) => (bytes: Buffer) => fill(block, bytes) };
  const fill = (block: number, bytes: Buffer) => {
    file.loads += 1;
    if (block >= blocks) return 0;
    bytes.fill(block);
    return BLOCK_BYTES;
  };
  return file;
}

test('a block is read once while there is room, and again once it had to go', () => {
  const cache = new BlockCache(4 * BLOCK_BYTES);
  const id = cache.register();
  const file = numbered(100);
  const read = (block: number) => cache.get(id, block, 10, 20, file.load(block));
  for (const block of [0, 1, 2, 3, 0, 1, 2, 3]) expect(read(block)).toEqual(Buffer.alloc(10, block));
  expect(file.loads).toBe(4);
  for (let block = 0; block < 100; block += 1) expect(read(block)).toEqual(Buffer.alloc(10, block));
  expect(file.loads).toBe(100);
  expect(read(0)).toEqual(Buffer.alloc(10, 0));
  expect(file.loads).toBe(101);
});

test('a block that has grown is read again, and what a file lacks is told', () => {
  const cache = new BlockCache(4 * BLOCK_BYTES);
  const id = cache.register();
  let length = 100;
  const load = (bytes: Buffer) => {
    bytes.fill(7, 0, length);
    return length;
  };
  expect(cache.get(id, 0, 90, 100, load)).toEqual(Buffer.alloc(10, 7));
  expect(cache.get(id, 0, 100, 110, load)).toBeNull();
  length = 200;
  expect(cache.get(id, 0, 100, 110, load)).toEqual(Buffer.alloc(10, 7));
});

test('files are kept apart, and all is forgotten at once', () => {
  const cache = new BlockCache(4 * BLOCK_BYTES);
  const [a, b] = [cache.register(), cache.register()];
  const [first, second] = [numbered(9), numbered(9)];
  cache.get(a, 3, 0, 1, first.load(3));
  cache.get(b, 3, 0, 1, second.load(4));
  expect(cache.get(a, 3, 0, 1, first.load(3))).toEqual(Buffer.of(3));
  expect(cache.get(b, 3, 0, 1, second.load(4))).toEqual(Buffer.of(4));
  cache.clear();
  cache.get(a, 3, 0, 1, first.load(3));
  expect(first.loads).toBe(2);
});
