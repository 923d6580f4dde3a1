import { expect, test } from 'vitest';
import { MemoryRateLimits } from './rate-limits.ts';

test('a caller may send so many at once, then as many as a second lets by', () => {
  let nowMs = 0;
  const limits = new MemoryRateLimits(4, () => nowMs);
  expect(Array.from({ length: 5 }, () => limits.take('ann'))).toEqual([
    { isWithin: true, remaining: 3, resetSeconds: 1 },
    { isWithin: true, remaining: 2, resetSeconds: 1 },
    { isWithin: true, remaining: 1, resetSeconds: 1 },
    { isWithin: true, remaining: 0, resetSeconds: 1 },
    { isWithin: false, remaining: 0, resetSeconds: 1 },
  ]);
  expect(limits.take('bob').isWithin).toBe(true);
  nowMs = 250;
  expect(limits.take('ann').isWithin).toBe(true);
  expect(limits.take('ann').isWithin).toBe(false);
  nowMs = 60_000;
  expect(limits.take('ann')).toEqual({ isWithin: true, remaining: 3, resetSeconds: 1 });
});

test('over a longer time a caller has what the limit says, whatever it tries', () => {
  let nowMs = 0;
  const limits = new MemoryRateLimits(100, () => nowMs);
  let within = 0;
  for (nowMs = 0; nowMs < 10_000; nowMs += 1) if (limits.take('ann').isWithin) within += 1;
  expect(within).toBeGreaterThanOrEqual(1000);
  expect(within).toBeLessThanOrEqual(1100);
});

test('callers are forgotten when there are too many, those in use last', () => {
  const limits = new MemoryRateLimits(1, () => 0);
  limits.take('ann');
  for (let at = 0; at < 200_000; at += 1) {
    limits.take(`someone-${at}`);
    if (limits.take('ann').isWithin) throw new Error(`forgotten after ${at} others`);
  }
});
