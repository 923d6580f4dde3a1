import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** Runs a program of this folder in a process of its own, so that its memory is its own; gives what its last line says. */
export async function child<Outcome>(file: string, argument: object): Promise<Outcome> {
  const script = fileURLToPath(new URL(file, import.meta.url));
  const args = [...process.execArgv, '--disable-warning=ExperimentalWarning', script, JSON.stringify(argument)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: OUTPUT_BYTES_MAX });
  // Only these programs print it.
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Outcome;
}

/** What `child` gave the program that calls this. */
export function argument<Argument>(): Argument {
  return JSON.parse(process.argv[2] ?? '{}') as Argument;
}

export async function inScratchFolder<Result>(name: string, run: (dir: string) => Promise<Result>): Promise<Result> {
  const dir = mkdtempSync(join(tmpdir(), `strata-${name}-`));
  try {
    return await run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
