import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runFaults, type Traces } from './faults-run.ts';
import { readOptions } from './options.ts';
import { describeReport } from './report.ts';

// `node test/faults/run.ts --help` tells what this is.

const { json, keep, ...options } = readOptions(process.argv.slice(2));
const startMs = performance.now();
const tell = (line: string) => {
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1).padStart(7);
  process.stderr.write(`${seconds} s  ${line}\n`);
};
const { report, traces } = await runFaults({ ...options, tell });
process.stdout.write(json ? `${JSON.stringify(report)}\n` : describeReport(report));
if (!report.ok || keep !== null) tell(`kept in ${keepTraces(keep, traces)}: answers, log, what the instances printed`);
process.exitCode = report.ok ? 0 : 1;

function keepTraces(folder: string | null, { history, log, outputs }: Traces): string {
  if (folder !== null) mkdirSync(folder, { recursive: true });
  const kept = folder ?? mkdtempSync(join(tmpdir(), 'strata-faults-'));
  const lines = (items: readonly unknown[]) => items.map((item) => `${JSON.stringify(item)}\n`).join('');
  writeFileSync(join(kept, 'answers.ndjson'), lines(history));
  writeFileSync(join(kept, 'log.ndjson'), lines(log));
  for (const [name, output] of Object.entries(outputs)) {
    writeFileSync(join(kept, `${name.replaceAll(' ', '-')}.txt`), output);
  }
  return kept;
}
