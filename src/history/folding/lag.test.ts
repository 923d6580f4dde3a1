import { expect, test } from 'vitest';
import { Lag } from './lag.ts';

test('the lag is how long the oldest event that is not folded has waited', () => {
  let nowMs = 0;
  const lag = new Lag(() => nowMs);
  expect(lag.ms()).toBe(0);
  lag.synced(10);
  nowMs = 100;
  lag.synced(20);
  nowMs = 150;
  expect(lag.ms()).toBe(150);
  lag.folded(9);
  expect(lag.ms()).toBe(150);
  lag.folded(10);
  expect(lag.ms()).toBe(50);
  lag.folded(20);
  nowMs = 900;
  expect(lag.ms()).toBe(0);
});

test('however often the log is synced, few samples are kept and none is lost', () => {
  let nowMs = 0;
  const lag = new Lag(() => nowMs);
  for (let offset = 1; offset <= 100_000; offset++) {
    lag.synced(offset);
    nowMs += 1;
  }
  lag.folded(99_999);
  expect(lag.ms()).toBeGreaterThan(0);
  lag.folded(100_000);
  expect(lag.ms()).toBe(0);
});
