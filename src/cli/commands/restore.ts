import { Command } from 'commander';
import type { RestoreReport } from '#src/backup/restore.ts';
import { type BlobsConfig, readConfig } from '../../config.ts';
import { usage } from '../failure.ts';
import type { OpenSession } from '../program.ts';
import { formatBytes, formatCount, formatDuration, Progress } from '../progress.ts';
import { paint, type Terminal } from '../terminal.ts';

type Options = { data: string; blobs?: string; keys?: string; to?: string; epoch?: string; erasures?: string[] };

/** `strata restore TARGET --data FOLDER`. */
export function restoreCommand(open: OpenSession): Command {
  return new Command('restore')
    .description(
      'make a data folder from a backup, checking every byte. The log goes on in a new epoch; who was erased stays erased.\n' +
        'Cut short, the same command again finishes it.',
    )
    .argument('<target>', 'a folder, or s3://BUCKET/PREFIX?endpoint=URL&region=REGION')
    .requiredOption('--data <folder>', 'the data folder to make; it must be empty or missing')
    .option(
      '--blobs <url>',
      'where the blobs go, as STRATA_BLOBS_URL: s3://BUCKET?endpoint= (default: the data folder)',
    )
    .option('--keys <target>', 'where the keys are, when they were kept elsewhere')
    .option('--to <when>', 'end the log there: a position, a time (2026-05-01T00:00:00Z), or a duration back (-PT1H)')
    .option('--epoch <number>', "which epoch's backup (default: the newest)")
    .option('--erasures <files...>', 'lists of subjects that were erased since: they are not brought back')
    .action(async (url: string, options: Options, command: Command) => {
      const { terminal, json } = open(command);
      const epoch = options.epoch === undefined ? null : Number(options.epoch);
      if (epoch !== null && !(Number.isSafeInteger(epoch) && epoch >= 1)) {
        throw usage(`--epoch takes a number from 1, not "${options.epoch}"`);
      }
      const [{ restore }, { erasuresInFile }, { openTarget }, { catalogue }, { createCodec }, { domains }] =
        await Promise.all([
          import('#src/backup/restore.ts'),
          import('#src/backup/erasures.ts'),
          import('#src/backup/target.ts'),
          import('#handling/catalogue.ts'),
          import('#events/encoding.ts'),
          import('#src/domains.ts'),
        ]);
      const { events } = catalogue(domains);
      const progress = new Progress(terminal);
      let report: RestoreReport;
      try {
        const erased = await Promise.all((options.erasures ?? []).map(erasuresInFile));
        const target = await openTarget(url);
        report = await restore({
          target,
          keysTarget: options.keys === undefined ? target : await openTarget(options.keys),
          dir: options.data,
          blobs: options.blobs === undefined ? null : blobsAt(terminal, options.blobs),
          to: options.to ?? null,
          epoch,
          erased: new Set(erased.flatMap((subjects) => [...subjects])),
          clock: Date.now,
          codec: createCodec([...events.values()]),
          events,
          onProgress: ({ phase, done, total }) =>
            progress.update(() =>
              phase === 'log'
                ? `log: ${formatBytes(done)} of ${formatBytes(total)}`
                : `blobs: ${formatCount(done)} of ${formatCount(total)}`,
            ),
        });
      } finally {
        progress.clear();
      }
      terminal.out(json ? `${JSON.stringify(report)}\n` : describeRestore(terminal, report));
    });
}

/** Where `--blobs` says. @throws config.invalid */
function blobsAt({ env }: Terminal, url: string): BlobsConfig {
  return readConfig({ ...env, STRATA_BLOBS_URL: url.includes(':') ? url : `file:${url}` }).blobs;
}

function describeRestore(terminal: Terminal, report: RestoreReport): string {
  const { dir, position, backupPosition, events, keys, erased, blobs, seconds } = report;
  const copied = blobs === null ? 'not in the backup' : `${formatCount(blobs.copied + blobs.there)}`;
  return [
    `${paint(terminal, 'green', 'restored')} into ${dir} in ${formatDuration(seconds)}`,
    `  log     ${formatCount(events)} events, now at position ${position} (the backup's last is ${backupPosition})`,
    `  blobs   ${copied}`,
    `  keys    ${formatCount(keys)}; erased: ${formatCount(erased)}`,
    `Start it with STRATA_DATA_DIR=${dir}; projections are folded from the log then.\n`,
  ].join('\n');
}
