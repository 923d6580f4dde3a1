import { Command } from 'commander';
import type { BackupProgress, BackupReport, Copied } from '#src/backup/backup.ts';
import { type Config, readConfig } from '../../config.ts';
import { CliFailure, usage } from '../failure.ts';
import type { OpenSession } from '../program.ts';
import { formatBytes, formatCount, formatDuration, Progress } from '../progress.ts';
import { paint, type Terminal } from '../terminal.ts';

/** `strata backup TARGET`. */
export function backupCommand(open: OpenSession): Command {
  return new Command('backup')
    .description(
      'copy the log, blobs and keys of a data folder, beside the running server or without one.\n' +
        'Run again, it copies what has come since.',
    )
    .argument('<target>', 'a folder, or s3://BUCKET/PREFIX?endpoint=URL&region=REGION')
    .option('--data <folder>', 'the data folder (default: as the server is configured, STRATA_DATA_DIR)')
    .option('--keys <target>', 'keep the keys of personal fields, and the key that signs the tree, there instead')
    .option('--without-keys', 'leave those keys out')
    .option('--without-blobs', 'leave out the blobs, which are kept elsewhere')
    .action(
      async (
        url: string,
        options: { data?: string; keys?: string; withoutKeys?: boolean; withoutBlobs?: boolean },
        command: Command,
      ) => {
        const { terminal, json } = open(command);
        // Loaded only here: no other command needs what reads data folders.
        const [{ backUp }, { dataFolderOf }, { openTarget }] = await Promise.all([
          import('#src/backup/backup.ts'),
          import('#src/backup/data-folder.ts'),
          import('#src/backup/target.ts'),
        ]);
        if (options.withoutKeys === true && options.keys !== undefined) {
          throw usage('--keys and --without-keys exclude each other');
        }
        const progress = new Progress(terminal);
        let report: BackupReport;
        try {
          const target = await openTarget(url);
          const keysTarget = options.keys === undefined ? target : await openTarget(options.keys);
          report = await backUp({
            data: dataFolderOf(configOf(terminal, options.data)),
            target,
            keysTarget: options.withoutKeys === true ? null : keysTarget,
            withBlobs: options.withoutBlobs !== true,
            onProgress: (at) => progress.update(() => progressLine(at)),
          });
        } finally {
          progress.clear();
        }
        terminal.out(json ? `${JSON.stringify(report)}\n` : describeBackup(terminal, report));
        const damaged = report.blobs?.damaged ?? [];
        if (damaged.length > 0) {
          throw new CliFailure(
            `${damaged.length} blobs do not match their hash, and are not in the backup: ${damaged[0]}`,
          );
        }
      },
    );
}

/** The server's configuration, with another data folder where one is named. */
export function configOf({ env }: Terminal, dataDir: string | undefined): Config {
  return readConfig(dataDir === undefined ? env : { ...env, STRATA_DATA_DIR: dataDir });
}

function progressLine({ phase, done, total }: BackupProgress): string {
  if (phase === 'blobs') return `blobs: ${formatCount(done)} looked at`;
  const share = total === null || total === 0 ? 100 : Math.min(100, Math.floor((done / total) * 100));
  return `log: ${formatBytes(done)} (${share}%)`;
}

function describeBackup(terminal: Terminal, report: BackupReport): string {
  const { target, position, segments, blobs, keys, erased, seconds } = report;
  const lines = [
    `${paint(terminal, 'green', 'backed up')} to ${target}, up to position ${position}, in ${formatDuration(seconds)}`,
    `  segments  ${copies(segments)}`,
    `  blobs     ${blobs === null ? 'left out' : copies(blobs)}`,
    `  keys      ${keys === null ? 'left out' : formatCount(keys)}; erased: ${formatCount(erased)}`,
  ];
  if (blobs !== null && blobs.removed > 0)
    lines.push(`  removed ${formatCount(blobs.removed)} blobs that were collected`);
  return `${lines.join('\n')}\n`;
}

function copies({ copied, copiedBytes, there }: Copied): string {
  return `${formatCount(copied)} copied (${formatBytes(copiedBytes)}), ${formatCount(there)} there already`;
}
