import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runFaults, type Traces } from './faults-run.ts';
import { readOptions } from './options.ts';
import { describeReport } from './report.ts';

// `node test/faults/run.ts --help` tells what this is.

/** A longer run is several, one after the other, each checked: what is remembered of one has an end. */
const ROUND_MINUTES_MAX = 10;

const { json, keep, minutes, seed, ...options } = readOptions(process.argv.slice(2));
const startMs = performance.now();
const rounds = Math.ceil(minutes / ROUND_MINUTES_MAX);
for (let round = 0; round < rounds && process.exitCode === undefined; round += 1) {
  if (rounds > 1) tell(`round ${round + 1} of ${rounds}`);
  const { report, traces } = await runFaults({ ...options, minutes: minutes / rounds, seed: seed + round, tell });
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : describeReport(report));
  if (!report.ok || keep !== null) tell(`kept in ${keepTraces(traces)}: answers, log, what the instances printed`);
  if (!report.ok) process.exitCode = 1;
}

function tell(line: string): void {
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1).padStart(7);
  process.stderr.write(`${seconds} s  ${line}\n`);
}

function keepTraces({ history, log, outputs }: Traces): string {
  if (keep !== null) mkdirSync(keep, { recursive: true });
  const kept = keep ?? mkdtempSync(join(tmpdir(), 'strata-faults-'));
  const lines = (items: readonly unknown[]) => items.map((item) => `${JSON.stringify(item)}\n`).join('');
  writeFileSync(join(kept, 'answers.ndjson'), lines(history));
  writeFileSync(join(kept, 'log.ndjson'), lines(log));
  for (const [name, output] of Object.entries(outputs)) {
    writeFileSync(join(kept, `${name.replaceAll(' ', '-')}.txt`), output);
  }
  return kept;
}
