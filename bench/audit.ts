import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createCodec } from '#events/encoding.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
import { openTransparencyLog } from '#log/transparency/transparency-log.ts';
import type { AuditReport } from '#src/audit/report.ts';
import { program, type Row } from './load/program.ts';
import { buildLog, domainEvents, logDir, pixels } from './replay/build-log.ts';

const PIXELS = 2_000_000;
const TIMEOUT_MS = 600_000;
const run = promisify(execFile);

await program({
  file: 'bench/audit.ts',
  seconds: 1,
  about: `Grows the tree of a log of ${PIXELS} pixels from nothing, on the tree's own thread: reading, hashing, files, syncs and signatures. Then
runs \`strata audit\` on that log, its tree and its projections: every check, a whole replay among them. --seconds has no part in it.
Goals: 200,000 leaves a second; an audit in under 20 s.`,
  run: measure,
});

async function measure(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-audit-bench-'));
  try {
    const events = await buildLog(dir, pixels(PIXELS));
    const growing = await growTree(dir, events);
    await fold(dir, events);
    const { checks, seconds } = await audit(dir);
    return [
      { what: 'tree grown', events, seconds: growing, 'events/s': events / growing, goal: 200_000 },
      { what: `audit, ${checks} checks`, events, seconds, 'events/s': events / seconds, goal: events / 20 },
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Seconds until all events are signed. */
async function growTree(dir: string, events: number): Promise<number> {
  const reader = openLogReader(logDir(dir), createCodec(domainEvents()));
  const startMs = performance.now();
  const tree = openTransparencyLog({
    dir: join(dir, 'tree'),
    logDir: logDir(dir),
    reader,
    synced: events,
    syncsLog: false,
    origin: 'strata/bench',
    keyPath: null,
    report: (message) => console.error(message),
  });
  await tree.waitFor(events, TIMEOUT_MS);
  const seconds = (performance.now() - startMs) / 1000;
  await tree.close();
  reader.close();
  return seconds;
}

/** In a process of its own, as the server would have folded. */
async function fold(dir: string, events: number): Promise<void> {
  const script = fileURLToPath(new URL('./replay/fold-log.ts', import.meta.url));
  await run(process.execPath, [...process.execArgv, script, dir, String(events)]);
}

/** The whole command, its start included. It fails where a check does. */
async function audit(dir: string): Promise<{ readonly checks: number; readonly seconds: number }> {
  const script = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
  const startMs = performance.now();
  const { stdout } = await run(process.execPath, [...process.execArgv, script, 'audit', '--data', dir, '--json']);
  const seconds = (performance.now() - startMs) / 1000;
  const { checks } = JSON.parse(stdout) as AuditReport;
  return { checks: checks.length, seconds };
}
