import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packBitmap, packRows } from './bitmap.ts';

const seed = Date.now() % 2 ** 31;

test(`every pixel stands where Redis BITFIELD has it (seed ${seed})`, async () => {
  const board = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })).chain(([width, height]) =>
    fc.record({
      width: fc.constant(width),
      pixels: fc.uint8Array({ minLength: width * height, maxLength: width * height, max: 15 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(board, async ({ width, pixels }) => {
      const packed = await packBitmap(pixels, 4);
      const rows = await packRows(pixels, width, 4);
      const rowBytes = 1 + Math.ceil(width / 2);
      pixels.forEach((color, at) => {
        expect(half(packed, at)).toBe(color);
        expect(half(rows.subarray(Math.floor(at / width) * rowBytes + 1), at % width)).toBe(color);
      });
    }),
    { seed, numRuns: 200 },
  );
});

test('boards of many turns are packed in whole', async () => {
  const pixels = Uint8Array.from({ length: 3000 * 1001 }, (_, at) => at % 16);
  const packed = await packBitmap(pixels, 4);
  expect(packed).toHaveLength(3000 * 1001 * 0.5);
  for (let at = 0; at < pixels.length; at += 977) expect(half(packed, at)).toBe(at % 16);
});

function half(bytes: Uint8Array, at: number): number {
  return at % 2 === 0 ? bytes[at / 2]! >> 4 : bytes[(at - 1) / 2]! & 15;
}
