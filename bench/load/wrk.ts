import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type Load = {
  /** `http://127.0.0.1:8080`; scripts add their paths. */
  readonly url: string;
  readonly script: 'random-pixels.lua' | 'random-gets.lua';
  /** What the script reads. */
  readonly settings: { readonly [name: string]: string };
  readonly connections: number;
  readonly seconds: number;
};

export type LoadOutcome = { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number };

/**
 * Makes sure that the load generator is there: Debian's `wrk`. Installs it where this program is root on Debian, and says so.
 * @throws Error with the command to run elsewhere.
 */
export function requireWrk(): void {
  if (spawnSync('wrk', ['--version']).error === undefined) return;
  const install = ['apt-get', ['install', '-y', 'wrk']] as const;
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.error('installing the load generator: apt-get install -y wrk');
    if (spawnSync(...install, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0) return;
  }
  throw new Error('the load generator wrk is needed: apt-get install -y wrk, brew install wrk, or from its sources');
}

/**
 * Runs wrk with one thread, so that the server keeps the rest of the machine.
 * @throws Error when any request was refused or failed: a rate of errors says nothing.
 */
export async function load({ url, script, settings, connections, seconds }: Load): Promise<LoadOutcome> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-wrk-'));
  try {
    const lua = [script, 'outcome.lua'].map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'));
    writeFileSync(join(dir, 'script.lua'), lua.join('\n'));
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', join(dir, 'script.lua'), url];
    const { stdout } = await promisify(execFile)('wrk', args, { env: { PATH: process.env.PATH, ...settings } });
    return read(stdout);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function read(stdout: string): LoadOutcome {
  const line = /^outcome (.*)$/m.exec(stdout)?.[1];
  if (line === undefined) throw new Error(`wrk did not come to an end: ${stdout}`);
  const outcome = JSON.parse(line) as { [field: string]: number };
  const { requests, microseconds, p50, p99, refused, failed } = outcome;
  if (refused! + failed! > 0) throw new Error(`${refused} requests were refused and ${failed} failed of ${requests}`);
  return { perSecond: requests! / (microseconds! / 1e6), p50Ms: p50! / 1000, p99Ms: p99! / 1000 };
}
