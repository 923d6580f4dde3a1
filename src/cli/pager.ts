import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Terminal } from './terminal.ts';

/** What `less` does unless `LESS` says otherwise, as git has it: leave when all fits, show colours, keep the screen. */
const LESS_UNLESS_TOLD = 'FRX';

/** Where there is none, what it would have shown is shown all the same. */
const PAGER_UNLESS_TOLD = 'if command -v less >/dev/null; then exec less; else exec cat; fi';

/**
 * Hands the lines to a pager when a person reads them: `STRATA_PAGER`, else `PAGER`, else `less`; an empty one or `cat` is
 * none. Reading stops when the pager is left.
 */
export async function paged(terminal: Terminal, lines: AsyncIterable<string>): Promise<void> {
  const pager = terminal.env.STRATA_PAGER ?? terminal.env.PAGER ?? PAGER_UNLESS_TOLD;
  if (!terminal.outIsTty || pager === '' || pager === 'cat') {
    for await (const line of lines) terminal.out(line);
    return;
  }
  const child = spawn(pager, {
    shell: true,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { LESS: LESS_UNLESS_TOLD, ...terminal.env },
  });
  let isLeft = false;
  const left = once(child, 'exit').then(() => {
    isLeft = true;
  });
  // Writing to a pager that was left fails: that is how one leaves it.
  child.stdin.on('error', () => {
    isLeft = true;
  });
  for await (const line of lines) {
    if (isLeft) break;
    if (!child.stdin.write(line)) await Promise.race([once(child.stdin, 'drain').catch(() => {}), left]);
  }
  child.stdin.end();
  await left;
}
