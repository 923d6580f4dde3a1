import { formatCount, formatDuration } from '#src/cli/progress.ts';
import type { FaultsReport } from './faults-run.ts';

/** The report as a person reads it. */
export function describeReport({ ok, seed, seconds, faults, answers, ownEnds, checks }: FaultsReport): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const told = checks.flatMap(({ name, ok, detail, findings, found }) => [
    `  ${ok ? '✓' : '✗'} ${name.padEnd(width)}  ${detail}`,
    ...findings.map((finding) => `      ${finding}`),
    ...(found > findings.length ? [`      and ${formatCount(found - findings.length)} more`] : []),
  ]);
  const struck = new Map<string, number>();
  for (const { name } of faults) struck.set(name, (struck.get(name) ?? 0) + 1);
  const counts = Object.entries(answers).map(([name, count]) => `  ${formatCount(count).padStart(9)}  ${name}`);
  const ends = ownEnds.map(({ instance, wasReady, output }) => {
    const last = output.trim().split('\n').at(-1) ?? '';
    return `  ${instance} ${wasReady ? 'ended by itself' : 'could not start'}: ${last.slice(0, 300)}`;
  });
  return [
    `faults: ${[...struck].map(([name, count]) => `${count} x ${name}`).join(', ') || 'none'}`,
    'answers:',
    ...counts,
    ...(ends.length > 0 ? ['started again, as an orchestrator does:', ...ends] : []),
    'checks:',
    ...told,
    `${ok ? 'all of it holds' : 'something is wrong'}, seed ${seed}, ${formatDuration(seconds)}`,
    '',
  ].join('\n');
}
