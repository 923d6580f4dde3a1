import { expect, test } from 'vitest';
import { MemoryEventLog } from '#test/integration/http-memory-log.ts';
import { resolveAsOf } from './as-of.ts';

const NOW = Date.parse('2024-03-31T12:00:00.000Z');

/** A log whose `positionAt` answers with the time that it was asked for, in seconds. */
class TimedLog extends MemoryEventLog {
  override head() {
    return { epoch: 1, offsets: [9_999_999_999] };
  }

  override async positionAt(time: Date) {
    return { epoch: 1, offsets: [Math.floor(time.getTime() / 1000)] };
  }
}

const sources = { log: new TimedLog(), refOffset: (ref: string) => ref.length };
const timeOf = async (text: string) => {
  const { offset, exact } = await resolveAsOf(text, sources, NOW);
  expect(exact).toBe(false);
  return new Date(offset * 1000).toISOString();
};

test.each([
  ['-PT10M', '2024-03-31T11:50:00.000Z'],
  ['-PT1H30S', '2024-03-31T10:59:30.000Z'],
  ['-P1DT6H', '2024-03-30T06:00:00.000Z'],
  ['-P2W', '2024-03-17T12:00:00.000Z'],
  ['-P1M', '2024-02-29T12:00:00.000Z'],
  ['-P13M', '2023-02-28T12:00:00.000Z'],
  ['-P1Y', '2023-03-31T12:00:00.000Z'],
  ['-P99999Y', '1970-01-01T00:00:00.000Z'],
  ['2024-03-01T01:00:00+01:00', '2024-03-01T00:00:00.000Z'],
  ['2024-03-01T01:00:00 01:00', '2024-03-01T00:00:00.000Z'],
  ['2024-02-29t00:00:00z', '2024-02-29T00:00:00.000Z'],
])('%s is %s', async (text, time) => {
  expect(await timeOf(text)).toBe(time);
});

test('a position is exact, a ref is not, and a time in the future means now', async () => {
  expect(await resolveAsOf('42', sources, NOW)).toEqual({ offset: 42, exact: true });
  expect(await resolveAsOf('refs/four', sources, NOW)).toEqual({ offset: 4, exact: false });
  expect(await resolveAsOf('2030-01-01T00:00:00Z', sources, NOW)).toEqual({ offset: 9_999_999_999, exact: false });
});

test.each(['', '-P', '-PT', 'P1D', '-P1H', '042', '1:2', 'now', '2024-03-01', 'ref/four', '2023-02-29T00:00:00Z'])(
  '%j is refused',
  async (text) => {
    await expect(resolveAsOf(text, sources, NOW)).rejects.toMatchObject({ code: 'position.malformed' });
  },
);
