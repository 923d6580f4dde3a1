import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AuditReport, type Check, Findings } from '#src/audit/report.ts';
import type { Instance } from '../stage/instance.ts';

const STRATA = join(import.meta.dirname, '../../../src/cli/main.ts');
const OUTPUT_BYTES_MAX = 1 << 24;

/** `strata audit` beside the running instance: tree, invariants, blobs, and projections against a replay of the log. */
export async function checkAudit({ name, env }: Instance): Promise<Check> {
  const findings = new Findings();
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', STRATA, '--json', 'audit'],
    { env: { ...process.env, ...env }, maxBuffer: OUTPUT_BYTES_MAX },
    // It ends with 1 where something is wrong, having told what.
  ).catch((error: { readonly stdout: string; readonly stderr: string }) => error);
  const report = reportIn(stdout);
  if (report === null) {
    findings.add(`it could not be audited: ${stderr}${stdout}`);
    return findings.check(`strata audit of ${name}`, 'no report');
  }
  for (const check of report.checks) {
    for (const finding of check.findings) findings.add(`${check.name}: ${finding}`);
  }
  const at = report.log === null ? 'no log' : `position ${report.log.position}`;
  return findings.check(`strata audit of ${name}`, `${report.checks.length} checks at ${at}`);
}

function reportIn(output: string): AuditReport | null {
  try {
    return JSON.parse(output);
  } catch {
    return null;
  }
}
