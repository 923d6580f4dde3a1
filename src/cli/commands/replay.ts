import { Command } from 'commander';
import { formatPosition } from '#events/position.ts';
import type { Fingerprint } from '#history/db.ts';
import type { ProjectionReplay, ReplayProgress, ReplayReport, StructureReplay } from '#history/replay/report.ts';
import { CliFailure } from '../failure.ts';
import type { OpenSession } from '../program.ts';
import { formatCount, formatDuration, Progress } from '../progress.ts';
import { paint, type Terminal } from '../terminal.ts';
import { configOf } from './backup.ts';

type Options = { to?: string; projection?: string; dir?: string; data?: string };

/** `strata replay`: folds the log anew, and compares. */
export function replayCommand(open: OpenSession): Command {
  return new Command('replay')
    .description(
      'fold the log alone into a scratch folder, and compare what that gives with what is served.\n' +
        'Works on the data folder: beside a running server on the same machine, or without one.',
    )
    .option('--to <when>', 'compare at a position, a time, refs/NAME or a duration back (default: now)')
    .option('--projection <name>', 'only this projection')
    .option('--dir <folder>', 'fold into this folder, which must be empty, and keep it')
    .option('--data <folder>', 'the data folder (default: as the server is configured, STRATA_DATA_DIR)')
    .action(async (options: Options, command: Command) => {
      const { terminal, json } = open(command);
      // Loaded only here: no other command needs the domains' folds.
      const { replayDataFolder } = await import('../replaying.ts');
      const progress = new Progress(terminal);
      let report: ReplayReport & { readonly epoch: number };
      try {
        report = await replayDataFolder({
          config: configOf(terminal, options.data),
          to: options.to,
          projection: options.projection,
          dir: options.dir,
          onProgress: (at) => progress.update(() => progressLine(at)),
        });
      } finally {
        progress.clear();
      }
      const position = (offset: number) => formatPosition({ epoch: report.epoch, offsets: [offset] });
      terminal.out(
        json ? `${JSON.stringify(withPositions(report, position))}\n` : describe(terminal, report, position),
      );
      if (!report.equal) throw new CliFailure('what is served is not what the log says');
    });
}

/** `folding 312,000 of 584,609 (53%), 410,200 events/s, 0.7s left`. */
function progressLine({ phase, done, total, seconds }: ReplayProgress): string {
  if (phase === 'comparing') return `comparing ${formatCount(done + 1)} of ${formatCount(total)} structures`;
  const rate = seconds > 0 ? done / seconds : 0;
  const left = rate > 0 ? `, ${formatDuration((total - done) / rate)} left` : '';
  const share = total > 0 ? Math.floor((done / total) * 100) : 100;
  return `folding ${formatCount(done)} of ${formatCount(total)} (${share}%), ${formatCount(rate)} events/s${left}`;
}

type PositionOf = (offset: number) => string;

function withPositions(
  { offset, epoch: _, ...report }: ReplayReport & { epoch: number },
  position: PositionOf,
): object {
  return {
    position: position(offset),
    ...report,
    projections: report.projections.map((projection) => ({
      ...projection,
      structures: projection.structures.map(({ first, foldedApart, ...structure }) => ({
        ...structure,
        first: first === null ? null : { ...without(first, 'offset'), position: position(first.offset) },
        foldedApart: foldedApart && { after: position(foldedApart.after), to: position(foldedApart.to) },
      })),
    })),
  };
}

function without<Value extends object, Name extends keyof Value>(value: Value, name: Name): Omit<Value, Name> {
  const { [name]: _, ...rest } = value;
  return rest;
}

function describe(terminal: Terminal, report: ReplayReport, position: PositionOf): string {
  const { offset, events, seconds, projections, missing } = report;
  const lines = [
    `replayed ${formatCount(events)} events up to position ${position(offset)} in ${formatDuration(seconds)}`,
  ];
  for (const projection of projections) {
    for (const structure of projection.structures) {
      lines.push(...describeStructure(terminal, projection, structure, position));
    }
  }
  for (const name of missing)
    lines.push(`  ${paint(terminal, 'red', 'missing')}    ${name}: not folded by this version`);
  return `${lines.join('\n')}\n`;
}

function describeStructure(
  terminal: Terminal,
  { name, version }: ProjectionReplay,
  structure: StructureReplay,
  position: PositionOf,
): string[] {
  const { live, replayed, equal, first, foldedApart } = structure;
  const what = `${name}@${version} ${structure.name}`;
  if (equal) return [`  ${paint(terminal, 'green', 'equal')}      ${what}: ${described(structure, replayed)}`];
  const differing = `${formatCount(structure.different)}${structure.different > 1000 ? ' or more' : ''}`;
  const lines = [
    `  ${paint(terminal, 'red', 'different')}  ${what}: ${differing} of ${described(structure, replayed)}`,
    `             served    ${live === null ? 'cannot be read in full' : described(structure, live)}`,
  ];
  if (first !== null) {
    lines.push(
      `             first at position ${position(first.offset)}, ${first.eventType}, ${first.key}`,
      `             served    ${first.live ?? 'nothing'}`,
      `             replayed  ${first.replayed ?? 'nothing'}`,
    );
  }
  lines.push(
    foldedApart === null
      ? '             it was folded as the log says: the bytes changed since'
      : `             folded another way after position ${position(foldedApart.after)}, by ${position(foldedApart.to)}`,
  );
  return lines;
}

function described({ kind }: StructureReplay, { count, sum }: Fingerprint): string {
  return `${formatCount(count)} ${kind === 'raster' ? 'places' : 'documents'}, ${sum.slice(0, 16)}`;
}
