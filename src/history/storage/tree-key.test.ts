import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SortValue } from '../projection.ts';
import { keyOffset, keyText, offsetKey, sortPart, sortPartEnd, textKey, valuePart } from './tree-key.ts';

const text = fc.string({ unit: 'binary', maxLength: 12 });
const sort: fc.Arbitrary<SortValue> = fc.oneof(text, fc.double({ noNaN: true }), fc.constant(null));

function compare(a: string, b: string): number {
  return Math.sign(Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')));
}

function compareSort(a: SortValue, b: SortValue): number {
  const rank = (value: SortValue) => (value === null ? 0 : typeof value === 'number' ? 1 : 2);
  if (typeof a === 'number' && typeof b === 'number') return Math.sign(a - b);
  if (typeof a === 'string' && typeof b === 'string') return Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return Math.sign(rank(a) - rank(b));
}

test('sort parts order as their values do, whatever follows them', () => {
  fc.assert(
    fc.property(sort, sort, text, text, (a, b, afterA, afterB) => {
      const expected = compareSort(a, b);
      const found = compare(sortPart(a) + textKey(afterA), sortPart(b) + textKey(afterB));
      if (expected !== 0) expect(found).toBe(expected);
      else expect(sortPart(a)).toBe(sortPart(b));
    }),
  );
});

test('no value part begins another, and a sort part ends where it says', () => {
  fc.assert(
    fc.property(text, text, sort, text, (a, b, sorted, after) => {
      fc.pre(a !== b);
      expect(valuePart(a).startsWith(valuePart(b))).toBe(false);
      const key = valuePart(a) + sortPart(sorted) + textKey(after);
      expect(keyText(key.slice(sortPartEnd(key, valuePart(a).length)))).toBe(after);
    }),
  );
});

test('values that are too long for a key differ by their hash, and stay bounded', () => {
  const [a, b] = [`${'x'.repeat(10_000)}a`, `${'x'.repeat(10_000)}b`];
  expect(valuePart(a)).not.toBe(valuePart(b));
  for (const part of [valuePart(a), valuePart('\0'.repeat(10_000)), sortPart('\0'.repeat(10_000))]) {
    expect(part.length).toBeLessThan(810);
  }
});

test('offsets of 48 bits come back, in order', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 48 - 1 }), fc.nat({ max: 2 ** 48 - 1 }), (a, b) => {
      expect(keyOffset(offsetKey(a))).toBe(a);
      expect(compare(offsetKey(a), offsetKey(b))).toBe(Math.sign(a - b));
    }),
  );
});
