import { expect, test } from 'vitest';
import { formatBytes, formatCount, formatDuration, Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';

function written(errIsTty: boolean, atMs: readonly number[]): string {
  let err = '';
  let now = 0;
  const terminal: Terminal = {
    env: {},
    outIsTty: false,
    errIsTty,
    colours: false,
    out: () => {},
    err: (text) => {
      err += text;
    },
  };
  const progress = new Progress(terminal, () => now);
  for (const at of atMs) {
    now = at;
    progress.update(() => `at ${at}`);
  }
  progress.clear();
  return err;
}

test('a person sees one line redrawn, at most ten times a second', () => {
  expect(written(true, [50, 120, 150, 230])).toBe('\r\x1b[2Kat 120\r\x1b[2Kat 230\r\x1b[2K');
});

test('a log gets a line every five seconds', () => {
  expect(written(false, [1_000, 4_999, 5_000, 9_000, 10_500])).toBe('at 5000\nat 10500\n');
});

test('numbers for people', () => {
  expect(formatCount(584_609)).toBe('584,609');
  expect([0.04, 9.94, 59.4, 184, 4_800].map(formatDuration)).toEqual(['0.0s', '9.9s', '59s', '3m04s', '1h20m']);
  expect([340, 12_500, 3_100_000].map(formatBytes)).toEqual(['340 B', '12.5 kB', '3.1 MB']);
});
