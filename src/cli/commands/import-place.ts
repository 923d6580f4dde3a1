import { Command } from 'commander';
import { usage } from '../failure.ts';
import { type ImportProgress, type ImportReport, importPlace } from '../place/import.ts';
import type { OpenSession } from '../program.ts';
import { formatCount, formatDuration, Progress } from '../progress.ts';
import { paint, type Terminal } from '../terminal.ts';

type Options = { board: string; create?: boolean; nearest?: boolean; limit?: string };

/** `strata import place FILE…`. */
export function importCommand(open: OpenSession): Command {
  const place = new Command('place')
    .description(
      'draw the published r/place data sets on a board: the CSVs of 2017, 2022 and 2023, gzip or plain, or a diff file.\n' +
        'Several files are put into one time order. Importing again adds nothing.',
    )
    .argument('<files...>', 'files of one data set')
    .requiredOption('--board <name>', 'the board to draw on')
    .option('--create', "make the board if there is none, in the data set's size and palette")
    .option('--nearest', "take the board's nearest colour for one that its palette lacks")
    .option('--limit <rows>', 'only the first rows of the files')
    .action(async (files: string[], options: Options, command: Command) => {
      const { client, terminal, json } = open(command);
      const limit = options.limit === undefined ? Number.POSITIVE_INFINITY : Number(options.limit);
      if (!(limit >= 1)) throw usage(`--limit takes a number from 1, not "${options.limit}"`);
      const progress = new Progress(terminal);
      const { board, create = false, nearest = false } = options;
      let report: ImportReport;
      try {
        report = await importPlace(client, { files, board, create, nearest, limit }, (at) =>
          progress.update(() => progressLine(at)),
        );
      } finally {
        progress.clear();
      }
      terminal.out(json ? `${JSON.stringify(report)}\n` : describeImport(terminal, report));
    });
  return new Command('import').description('bring in data from elsewhere').addCommand(place);
}

/** `sending 312,000 of 584,609 (53%), 41,200 rows/s, 7s left`. */
export function progressLine({ phase, done, total, seconds }: ImportProgress): string {
  const rate = seconds > 0 ? done / seconds : 0;
  if (phase === 'reading') return `reading ${formatCount(done)} rows, ${formatCount(rate)} rows/s`;
  const left = rate > 0 ? `, ${formatDuration((total - done) / rate)} left` : '';
  const share = total > 0 ? Math.floor((done / total) * 100) : 100;
  return `sending ${formatCount(done)} of ${formatCount(total)} (${share}%), ${formatCount(rate)} rows/s${left}`;
}

function describeImport(terminal: Terminal, report: ImportReport): string {
  const { placed, alreadyThere, seconds } = report;
  const rate = seconds > 0 ? (placed + alreadyThere) / seconds : 0;
  const lines = [
    `${paint(terminal, 'green', 'imported')} ${formatCount(placed)} pixels onto board ${report.board}` +
      `${report.created ? ' (made)' : ''} in ${formatDuration(seconds)}, ${formatCount(rate)} a second`,
    `  ${report.format}, ${formatCount(report.rows)} rows`,
  ];
  if (alreadyThere > 0) lines.push(`  ${formatCount(alreadyThere)} pixels were there from an earlier import`);
  if (report.rectangles + report.circles > 0) {
    const shapes = `${formatCount(report.rectangles)} rectangles and ${formatCount(report.circles)} circles`;
    lines.push(`  moderation: ${shapes} filled ${formatCount(report.filled)} pixels`);
  }
  if (report.outside > 0) {
    lines.push(
      `  ${formatCount(report.outside)} pixels outside the board left out, the first at ${report.firstOutside}`,
    );
  }
  if (report.position !== null) lines.push(`  now at position ${report.position}`);
  return `${lines.join('\n')}\n`;
}
