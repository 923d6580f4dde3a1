import { existsSync } from 'node:fs';
import { Command } from 'commander';
import type { MigrationReport, Side } from '#src/migrate/migration.ts';
import type { MigrationProgress } from '#src/migrate/progress.ts';
import { readBlobsUrl, readLogUrl } from '../../config.ts';
import { CliFailure, usage } from '../failure.ts';
import type { OpenSession } from '../program.ts';
import { formatBytes, formatCount, formatDuration, Progress } from '../progress.ts';
import { paint, type Terminal } from '../terminal.ts';

type Options = {
  readonly to: string;
  readonly from?: string;
  readonly data?: string;
  readonly toData?: string;
  readonly blobs?: string;
  readonly fromBlobs?: string;
  readonly withoutBlobs?: boolean;
  readonly keepSource?: boolean;
};

/** `strata migrate --to URL`. */
export function migrateCommand(open: OpenSession): Command {
  return new Command('migrate')
    .description(
      'copy a log to another engine, with its ids, times and order, so that every position, ref and fingerprint stays;\n' +
        'with its blobs and keys; and prove that the copy is equal. Stop the servers of the log first.\n' +
        'Cut short, the same command again goes on.',
    )
    .requiredOption('--to <url>', 'the new log: file:FOLDER, kafka://HOST:PORT,… or esdb://HOST:PORT; it must be empty')
    .option('--from <url>', 'the log to copy (default: STRATA_LOG_URL, else log in the data folder)')
    .option('--data <folder>', 'the data folder of a server of the old log (default: STRATA_DATA_DIR, else ./data)')
    .option('--to-data <folder>', 'the data folder of a server of the new log (default: the same)')
    .option('--blobs <url>', 'where the blobs go: file:FOLDER or s3://BUCKET?endpoint= (default: they stay)')
    .option('--from-blobs <url>', 'where they are (default: STRATA_BLOBS_URL, else blobs in the data folder)')
    .option('--without-blobs', 'leave blobs and keys where they are')
    .option('--keep-source', 'do not mark an embedded log as moved')
    .action(async (options: Options, command: Command) => {
      const { terminal, json } = open(command);
      const [from, to] = sidesOf(options, terminal);
      // Loaded only here: no other command needs what writes logs.
      const { migrate } = await import('#src/migrate/migrate.ts');
      const progress = new Progress(terminal);
      let report: MigrationReport;
      try {
        report = await migrate({
          from,
          to,
          withBlobs: options.withoutBlobs !== true,
          create: terminal.env.STRATA_CREATE !== 'never',
          keepSource: options.keepSource === true,
          clock: Date.now,
          report: (message) => terminal.err(`${message}\n`),
          onProgress: (at) => progress.update(() => progressLine(at)),
        });
      } finally {
        progress.clear();
      }
      terminal.out(json ? `${JSON.stringify(report)}\n` : describe(terminal, report));
      if (!report.isWhole) throw new CliFailure(problemOf(report));
    });
}

function sidesOf(options: Options, { env }: Terminal): readonly [Side, Side] {
  const fromDir = options.data ?? (env.STRATA_DATA_DIR || './data');
  const toDir = options.toData ?? fromDir;
  const fromUrl = options.from ?? (env.STRATA_LOG_URL || `file:${fromDir}/log`);
  const fromLog = asked('--from', () => readLogUrl(fromUrl, fromDir));
  const toLog = asked('--to', () => readLogUrl(options.to, toDir));
  if (fromLog.engine === 'embedded' && !existsSync(fromLog.dir)) {
    throw usage(`there is no log in ${fromLog.dir}: name it with --from, or its data folder with --data`);
  }
  if (fromLog.dir === toLog.dir) {
    const advice = fromLog.engine === 'embedded' ? 'name another folder' : 'name another data folder with --to-data';
    throw usage(`both logs lie in ${toLog.dir}: ${advice}`);
  }
  const fromBlobs = options.fromBlobs ?? (env.STRATA_BLOBS_URL || `file:${fromDir}/blobs`);
  const blobs = asked('--from-blobs', () => readBlobsUrl(fromBlobs));
  const movesBlobs = options.blobs !== undefined || (toDir !== fromDir && blobs.engine === 'disk');
  const toBlobs = movesBlobs ? asked('--blobs', () => readBlobsUrl(options.blobs ?? `file:${toDir}/blobs`)) : blobs;
  if (options.withoutBlobs === true && options.blobs !== undefined) {
    throw usage('--blobs and --without-blobs exclude each other');
  }
  if (toLog.engine !== 'embedded' && toBlobs.engine === 'disk' && options.withoutBlobs !== true) {
    const why = 'a log that members share needs blobs and keys that they share';
    throw usage(`${why}: name a bucket with --blobs s3://BUCKET, or leave them with --without-blobs`);
  }
  return [
    { log: fromLog, url: fromUrl, dataDir: fromDir, blobs },
    { log: toLog, url: options.to, dataDir: toDir, blobs: toBlobs },
  ];
}

/** What an option says. @throws CliFailure, exit code 2, where it cannot be read. */
function asked<Value>(option: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw usage(`${option}: ${error instanceof Error ? error.message : error}`);
  }
}

/** `copying: 312,000 of 584,609 (53%), 41,200/s, 7s left`. */
function progressLine({ phase, done, total, seconds }: MigrationProgress): string {
  const rate = seconds > 0 ? done / seconds : 0;
  const speed = `${formatCount(rate)}/s`;
  if (total === null) return `${phase}: ${formatCount(done)}, ${speed}`;
  const left = rate > 0 ? `, ${formatDuration((total - done) / rate)} left` : '';
  const share = total > 0 ? Math.floor((done / total) * 100) : 100;
  return `${phase}: ${formatCount(done)} of ${formatCount(total)} (${share}%), ${speed}${left}`;
}

function describe(terminal: Terminal, report: MigrationReport): string {
  const { from, to, position, events, copied, root, projections, blobs, keys, isMarked, isWhole, seconds } = report;
  const verdict = isWhole ? paint(terminal, 'green', 'migrated') : paint(terminal, 'red', 'not equal');
  const lines = [
    `${verdict} ${from} to ${to}, up to position ${position}, in ${formatDuration(seconds)}`,
    `  log          ${formatCount(copied)} events copied, ${formatCount(events - copied)} there already`,
    `               the tree of both has the root ${root}`,
  ];
  if (blobs !== null) {
    lines.push(
      `  blobs        ${formatCount(blobs.copied)} copied (${formatBytes(blobs.copiedBytes)}), ` +
        `${formatCount(blobs.there)} there already`,
    );
  }
  if (keys !== null) lines.push(`  keys         ${formatCount(keys)}`);
  for (const { projection, version, structure, kind, count, sum, equal } of projections.structures) {
    const verdict = equal ? paint(terminal, 'green', 'equal') : paint(terminal, 'red', 'different');
    const what = `${formatCount(count)} ${kind === 'raster' ? 'places' : 'documents'}`;
    lines.push(`  projections  ${projection}@${version} ${structure}: ${verdict}, ${what}, ${sum.slice(0, 16)}`);
  }
  for (const name of projections.missing) lines.push(`  projections  ${name}: not folded here, so not compared`);
  if (isMarked) lines.push(`  source       marked as moved: no server writes there any more`);
  return `${lines.join('\n')}\n`;
}

function problemOf({ blobs, projections }: MigrationReport): string {
  const damaged = blobs?.damaged ?? [];
  if (damaged.length > 0) {
    return `${damaged.length} blobs do not match their hash, and are not copied: ${damaged[0]}`;
  }
  const different = projections.structures.filter(({ equal }) => !equal).map(({ structure }) => structure);
  return (
    `the logs are equal, but what was served is not what they fold to: ${different.join(', ')}. ` +
    'See strata replay, and rebuild with strata projections rebuild before you migrate'
  );
}
