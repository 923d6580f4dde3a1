import fc from 'fast-check';
import { expect, test } from 'vitest';
import { afterTaken, beforeTaken, takenOrder } from './photo.ts';

const YEAR_0_MS = Date.parse('0000-01-01T00:00:00.000Z');
const YEAR_9999_MS = Date.parse('9999-12-31T23:59:59.999Z');
const moment = fc.integer({ min: YEAR_0_MS, max: YEAR_9999_MS });

function text(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

test('times stand as ten digits of the milliseconds since year 0', () => {
  fc.assert(
    fc.property(moment, (timeMs) => {
      expect(beforeTaken(text(timeMs))).toBe((timeMs - YEAR_0_MS).toString(36).padStart(10, '0'));
    }),
    { examples: [[YEAR_0_MS], [YEAR_9999_MS], [Date.parse('0099-12-31T23:59:59.999Z')], [0], [-1]] },
  );
});

test('orders sort as times do, first when a photo was taken, then when it was added', () => {
  fc.assert(
    fc.property(fc.option(moment), moment, fc.option(moment), moment, (takenA, addedA, takenB, addedB) => {
      const order = (taken: number | null, added: number) =>
        takenOrder(taken === null ? null : text(taken), text(added));
      const expected = (takenA ?? -Infinity) - (takenB ?? -Infinity) || addedA - addedB;
      const [a, b] = [order(takenA, addedA), order(takenB, addedB)];
      expect(a < b ? -1 : a > b ? 1 : 0).toBe(Math.sign(Number.isNaN(expected) ? addedA - addedB : expected));
    }),
  );
});

test('the bounds of a time stand around the photos of that time', () => {
  const time = '2026-05-01T12:00:00.000Z';
  const order = takenOrder(time, time);
  expect(beforeTaken(time) < order && order < afterTaken(time)).toBe(true);
});
