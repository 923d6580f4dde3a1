import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { paged } from './pager.ts';
import type { Terminal } from './terminal.ts';

const LINES_MAX = 1_000_000;

/** Hands more lines to the pager than it ever holds; tells how many it took. */
async function takenBy(pager: string, lines = LINES_MAX): Promise<number> {
  let taken = 0;
  async function* told() {
    for (; taken < lines; taken += 1) yield `line ${taken} ${'-'.repeat(100)}\n`;
  }
  // Only these are asked for.
  const terminal = { outIsTty: true, env: { ...process.env, STRATA_PAGER: pager } } as unknown as Terminal;
  await paged(terminal, told());
  return taken;
}

test('a pager that is left ends the reading, and is no failure', async () => {
  expect(await takenBy('head -n 1 >/dev/null')).toBeLessThan(LINES_MAX);
  expect(await takenBy('exit 0')).toBeLessThan(LINES_MAX);
});

test('a pager is given all lines', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'strata-pager-'));
  const file = join(dir, 'lines');
  await takenBy(`wc -l >'${file}'`, 5000);
  expect((await readFile(file, 'utf8')).trim()).toBe('5000');
  await rm(dir, { recursive: true });
});
