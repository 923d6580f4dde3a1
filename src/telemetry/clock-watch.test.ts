import { expect, test } from 'vitest';
import { watchClock } from './clock-watch.ts';

const START_MS = 1_700_000_000_000;

function clocks(lastRecordedAt = 0) {
  const now = { wallMs: START_MS, monotonicMs: 5000 };
  const watch = watchClock({ lastRecordedAt, wallMs: () => now.wallMs, monotonicMs: () => now.monotonicMs });
  const pass = (ms: number, jumpMs = 0) => {
    now.monotonicMs += ms;
    now.wallMs += ms + jumpMs;
  };
  return { watch, pass };
}

test('time that passes is no fault, however long', () => {
  const { watch, pass } = clocks();
  pass(1000);
  expect(watch.fault()).toBeNull();
  pass(86_400_000);
  expect(watch.fault()).toBeNull();
});

test.each([
  ['ahead', 10_001],
  ['back', -10_001],
])('a jump %s is a fault until it is acknowledged', (_, jumpMs) => {
  const { watch, pass } = clocks();
  pass(1000, jumpMs);
  expect(watch.fault()).toMatchObject({ code: 'log.clock' });
  pass(1000);
  expect(watch.fault()).toMatchObject({ code: 'log.clock' });
  watch.acknowledge();
  expect(watch.fault()).toBeNull();
  pass(1000);
  expect(watch.fault()).toBeNull();
});

test('ten seconds are not yet a jump, and drift adds up to none', () => {
  const { watch, pass } = clocks();
  pass(1000, 10_000);
  expect(watch.fault()).toBeNull();
  for (let minute = 0; minute < 100; minute += 1) {
    pass(60_000, 500);
    expect(watch.fault()).toBeNull();
  }
});

test('a start behind the log is a fault', () => {
  expect(clocks(START_MS + 10_001).watch.fault()).toMatchObject({ code: 'log.clock' });
  expect(clocks(START_MS + 10_000).watch.fault()).toBeNull();
  expect(clocks(START_MS - 86_400_000).watch.fault()).toBeNull();
});
