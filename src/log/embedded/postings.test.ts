import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Postings } from './postings.ts';

const offsets = fc
  .uniqueArray(fc.integer({ min: 1, max: 2 ** 48 - 1 }), { minLength: 1 })
  .map((values) => values.sort((a, b) => a - b));

test('offsets are read as they were added, however they were split', () => {
  fc.assert(
    fc.property(offsets, fc.nat(), fc.integer({ min: 0, max: 2 ** 40 }), (all, at, firstRevision) => {
      const split = 1 + (at % all.length);
      const list = Postings.of(firstRevision, all.slice(0, split)).with(all.slice(split));
      const read = Postings.read(list.bytes);
      expect(read.offsets()).toEqual(all);
      expect(read.firstRevision).toBe(firstRevision);
      expect(read.lastRevision).toBe(firstRevision + all.length - 1);
      expect(read.lastOffset).toBe(all.at(-1));
      expect(read.bytes).toEqual(Postings.of(firstRevision, all).bytes);
    }),
  );
});

test('a flipped bit is noticed', () => {
  const { bytes } = Postings.of(7, [3, 200, 90_000]);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => Postings.read(flipped)).toThrow('intact');
  }
  expect(() => Postings.read(bytes.subarray(0, 10))).toThrow('intact');
});
