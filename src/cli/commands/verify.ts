import { Command } from 'commander';
import type { Finding } from '#src/backup/findings.ts';
import type { VerifyReport } from '#src/backup/verify-report.ts';
import { CliFailure } from '../failure.ts';
import type { OpenSession } from '../program.ts';
import { formatBytes, formatCount, formatDuration, Progress } from '../progress.ts';
import { paint, type Terminal } from '../terminal.ts';
import { configOf } from './backup.ts';

/** `strata verify [DIR]`. */
export function verifyCommand(open: OpenSession): Command {
  return new Command('verify')
    .description(
      'read a data folder or a backup through, and tell what is not as it was written: the log, its index, keys and blobs.\n' +
        'Beside a running server too; nothing is touched.',
    )
    .argument('[folder]', 'a data folder, a backup (s3://… too), or a log (default: the data folder, STRATA_DATA_DIR)')
    .action(async (name: string | undefined, _options: object, command: Command) => {
      const { terminal, json } = open(command);
      const [{ verify }, { dataFolderOf }, { catalogue }, { createCodec }, { domains }] = await Promise.all([
        import('#src/backup/verify.ts'),
        import('#src/backup/data-folder.ts'),
        import('#handling/catalogue.ts'),
        import('#events/encoding.ts'),
        import('#src/domains.ts'),
      ]);
      const known = catalogue(domains);
      const progress = new Progress(terminal);
      let report: VerifyReport;
      try {
        report = await verify(name ?? null, dataFolderOf(configOf(terminal, undefined)), {
          domains,
          catalogue: known,
          codec: createCodec([...known.events.values()]),
          onProgress: ({ phase, done }) =>
            progress.update(() => (phase === 'log' ? `log: ${formatBytes(done)}` : `blobs: ${formatCount(done)}`)),
        });
      } finally {
        progress.clear();
      }
      terminal.out(json ? `${JSON.stringify(report)}\n` : describe(terminal, report));
      if (!report.isWhole) throw new CliFailure(`${report.name} is damaged`);
    });
}

function describe(terminal: Terminal, report: VerifyReport): string {
  const { what, name, position, events, streams, logBytes, keys, blobs, found, findings, isWhole, seconds } = report;
  const verdict = isWhole ? paint(terminal, 'green', 'whole') : paint(terminal, 'red', 'damaged');
  const lines = [
    `the ${what} ${name} is ${verdict}`,
    `  log     ${formatCount(events)} events in ${formatCount(streams)} streams, ${formatBytes(logBytes)}` +
      `${position === null ? '' : `, up to position ${position}`}`,
  ];
  if (blobs !== null) lines.push(`  blobs   ${formatCount(blobs)}`);
  if (keys !== null) lines.push(`  keys    ${formatCount(keys)}`);
  lines.push(`  looked through in ${formatDuration(seconds)}`);
  for (const finding of findings) lines.push(`  ${paint(terminal, 'red', 'damage')} ${findingLine(finding)}`);
  if (found > findings.length) lines.push(`  and ${formatCount(found - findings.length)} more`);
  return `${lines.join('\n')}\n`;
}

function findingLine({ part, problem, position, file, byte }: Finding): string {
  const where = [
    ...(position === undefined ? [] : [`position ${position}`]),
    ...(file === undefined ? [] : [byte === undefined ? file : `${file}, byte ${byte}`]),
  ];
  return `${part}: ${problem}${where.length === 0 ? '' : ` (${where.join('; ')})`}`;
}
