import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Candidate, spread } from './spread.ts';

const ready = (member: string, ...held: number[]): Candidate => ({ member, isReady: true, held });
const waiting = (member: string, ...held: number[]): Candidate => ({ member, isReady: false, held });
const given = (partitions: number, ...candidates: Candidate[]) => Object.fromEntries(spread(partitions, candidates));

test('one member has all', () => {
  expect(given(3, ready('a'))).toEqual({ a: [0, 1, 2] });
});

test('a second one gets its half, and the first keeps the rest', () => {
  expect(given(4, ready('a', 0, 1, 2, 3), ready('b'))).toEqual({ a: [0, 1], b: [2, 3] });
  expect(given(3, ready('a', 0, 1, 2), ready('b'))).toEqual({ a: [0, 1], b: [2] });
});

test('when one is gone the others keep theirs and share what it had', () => {
  expect(given(4, ready('b', 1), ready('c', 2, 3))).toEqual({ b: [0, 1], c: [2, 3] });
});

test('more members than partitions', () => {
  expect(given(1, ready('a'), ready('b', 0), ready('c'))).toEqual({ a: [], b: [0], c: [] });
});

test('one that is not ready keeps what it has, and gets no more', () => {
  expect(given(4, ready('a'), waiting('b', 2))).toEqual({ a: [0, 1, 3], b: [2] });
  expect(given(4, ready('a', 0, 1), waiting('b'))).toEqual({ a: [0, 1, 2, 3], b: [] });
});

test('when none is ready, they are given all the same', () => {
  expect(given(2, waiting('a'), waiting('b'))).toEqual({ a: [0], b: [1] });
});

test('any members: every partition has one, shares are even, and no more moves than must', () => {
  const candidates = fc.integer({ min: 1, max: 6 }).chain((count) =>
    fc.tuple(
      ...Array.from({ length: count }, (_, index) =>
        fc.record({
          member: fc.constant(`m${index}`),
          isReady: fc.constant(true),
          held: fc.uniqueArray(fc.nat(12), { maxLength: 6 }),
        }),
      ),
    ),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), candidates, (partitions, members) => {
      const map = spread(partitions, members);
      expect([...map.values()].flat().toSorted((a, b) => a - b)).toEqual([...Array(partitions).keys()]);
      for (const own of map.values()) {
        expect([Math.floor(partitions / members.length), Math.ceil(partitions / members.length)]).toContain(own.length);
      }
      expect(spread(partitions, members.toReversed())).toEqual(map);
      // Once given, nothing moves.
      const settled = members.map((one) => ({ ...one, held: map.get(one.member) ?? [] }));
      expect(spread(partitions, settled)).toEqual(map);
    }),
  );
});
