import { counted } from '#handling/invariant.ts';
import type { ReplayReport } from '#history/replay/report.ts';
import { type Check, Findings } from './report.ts';

const NAME = 'projections equal a replay of the log';

/** What a replay of the log alone said of the projections; or why there was none. */
export function projectionCheck(report: ReplayReport | null, problem: string | null): Check {
  const findings = new Findings();
  if (report === null) {
    findings.add(problem ?? 'there was no replay');
    return findings.check(NAME, 'could not be told');
  }
  for (const { name, structures } of report.projections) {
    for (const { name: structure, equal, different, first } of structures) {
      if (equal) continue;
      const where = first === null ? '' : `, first at ${first.offset} (${first.eventType}) in ${first.key}`;
      findings.add(`${name}: ${structure} is not what the log says: ${different} differ${where}`);
    }
  }
  // Derived data that is not there yet is nothing wrong: a server that starts will fold it.
  const missing = report.missing.length === 0 ? '' : `; not folded here: ${report.missing.join(', ')}`;
  const detail = `${counted(report.projections.length, 'projection')}, at ${report.offset}${missing}`;
  return findings.check(NAME, detail);
}
