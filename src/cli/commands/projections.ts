import { setTimeout } from 'node:timers/promises';
import { Command } from 'commander';
import type { Prepared, PrepareProgress } from '#history/folding/prepare.ts';
import type { StrataClient } from '../client.ts';
import { CliFailure } from '../failure.ts';
import type { OpenSession } from '../program.ts';
import { formatCount, formatDuration, Progress } from '../progress.ts';
import { paint, type Terminal } from '../terminal.ts';
import { configOf } from './backup.ts';

const POLL_MS = 250;

type Structure = {
  readonly name: string;
  readonly fingerprint: { readonly count: number; readonly sum: string } | null;
};

type Rebuild = {
  readonly generation: number;
  readonly position: string;
  readonly eventsPerSecond: number;
  readonly secondsLeft: number | null;
  readonly isCaughtUp: boolean;
  readonly fault: string | null;
};

/** As `GET /v1/projections` tells it. */
type Projection = {
  readonly projection: string;
  readonly version: number;
  readonly generation: number;
  readonly position: string;
  readonly structures: readonly Structure[];
  readonly rebuild: Rebuild | null;
};

type Projections = { readonly lagMs: number; readonly items: readonly Projection[] };

/** `strata projections list | rebuild NAME | promote NAME`. */
export function projectionsCommand(open: OpenSession): Command {
  return new Command('projections')
    .description('how projections stand; fold one anew from the log, beside the one that serves')
    .addCommand(listCommand(open))
    .addCommand(rebuildCommand(open))
    .addCommand(promoteCommand(open))
    .addCommand(prepareCommand(open));
}

function listCommand(open: OpenSession): Command {
  return new Command('list')
    .description('name each projection with its version, how far it is folded, and what it holds')
    .option('--fingerprints', 'tell the fingerprints of boards too, which takes some seconds of a large one')
    .action(async (options: { fingerprints?: boolean }, command: Command) => {
      const { client, terminal, json } = open(command);
      const query = options.fingerprints ? { fingerprints: 'true' } : {};
      const projections = await client.json<Projections>('/v1/projections', query);
      terminal.out(json ? `${JSON.stringify(projections)}\n` : describeAll(terminal, projections));
    });
}

function rebuildCommand(open: OpenSession): Command {
  return new Command('rebuild')
    .description(
      'fold another copy from the log alone, and wait until it has caught up. The one that serves is not held up;\n' +
        'interrupted, or through a restart of the server, the rebuild goes on: the same command waits for it again',
    )
    .argument('<name>', 'the projection')
    .option('--promote', 'let the copy take over once it has caught up')
    .option('--no-wait', 'begin, and do not wait')
    .action(async (name: string, options: { promote?: boolean; wait: boolean }, command: Command) => {
      const { client, terminal, json } = open(command);
      let projection = await post(client, name, 'rebuild');
      if (options.wait || options.promote) projection = await caughtUp(client, terminal, projection);
      if (options.promote) projection = await post(client, name, 'promote');
      terminal.out(json ? `${JSON.stringify(projection)}\n` : describe(terminal, projection));
    });
}

function promoteCommand(open: OpenSession): Command {
  return new Command('promote')
    .description('let the rebuilt copy take over, and wait until it has')
    .argument('<name>', 'the projection')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, terminal, json } = open(command);
      const projection = await post(client, name, 'promote');
      terminal.out(json ? `${JSON.stringify(projection)}\n` : describe(terminal, projection));
    });
}

function prepareCommand(open: OpenSession): Command {
  return new Command('prepare')
    .description(
      'fold what this version of Strata folds in another way than the data folder has it, so that starting it waits for\n' +
        'little. Works on the data folder, beside the running server of the version before',
    )
    .option('--data <folder>', 'the data folder (default: as the server is configured, STRATA_DATA_DIR)')
    .action(async (options: { data?: string }, command: Command) => {
      const { terminal, json } = open(command);
      // Loaded only here: no other command needs the domains' folds.
      const { prepareDataFolder } = await import('../replaying.ts');
      const progress = new Progress(terminal);
      let prepared: readonly Prepared[];
      try {
        prepared = await prepareDataFolder(configOf(terminal, options.data), (at) =>
          progress.update(() => prepareLine(at)),
        );
      } finally {
        progress.clear();
      }
      if (json) terminal.out(`${JSON.stringify({ items: prepared })}\n`);
      else if (prepared.length === 0) terminal.out('nothing is to be prepared: all is folded by this version\n');
      for (const { projection, version } of json ? [] : prepared) {
        terminal.out(`${paint(terminal, 'green', 'prepared')} ${projection}@${version}\n`);
      }
    });
}

function prepareLine({ projection, done, total, seconds }: PrepareProgress): string {
  const rate = seconds > 0 ? done / seconds : 0;
  const left = rate > 0 ? `, ${formatDuration((total - done) / rate)} left` : '';
  return `${projection}: ${formatCount(done)} of ${formatCount(total)}, ${formatCount(rate)} events/s${left}`;
}

async function post(client: StrataClient, name: string, verb: 'rebuild' | 'promote'): Promise<Projection> {
  const response = await client.request('POST', `projections/${encodeURIComponent(name)}/${verb}`);
  return (await response.json()) as Projection;
}

/** @throws CliFailure when the copy cannot go on, or another process has made it take over or go. */
async function caughtUp(client: StrataClient, terminal: Terminal, begun: Projection): Promise<Projection> {
  const progress = new Progress(terminal);
  try {
    for (let projection = begun; ; ) {
      const { rebuild } = projection;
      if (rebuild === null) throw new CliFailure(`the rebuild of ${begun.projection} is not under way any more`);
      if (rebuild.fault !== null) throw new CliFailure(`the rebuild cannot go on: ${rebuild.fault}`);
      if (rebuild.isCaughtUp) return projection;
      progress.update(() => progressLine(rebuild));
      await setTimeout(POLL_MS);
      const { items } = await client.json<Projections>('/v1/projections');
      projection = items.find((item) => item.projection === begun.projection) ?? begun;
    }
  } finally {
    progress.clear();
  }
}

/** `at position 312000, 41,200 events/s, 7s left`. */
function progressLine({ position, eventsPerSecond, secondsLeft }: Rebuild): string {
  const left = secondsLeft === null ? '' : `, ${formatDuration(secondsLeft)} left`;
  return `at position ${position}, ${formatCount(eventsPerSecond)} events/s${left}`;
}

function describeAll(terminal: Terminal, { items, lagMs }: Projections): string {
  const lag = `projections lag by ${formatCount(lagMs)} ms\n`;
  return items.map((projection) => describe(terminal, projection)).join('') + paint(terminal, 'dim', lag);
}

function describe(terminal: Terminal, { projection, version, generation, position, structures, rebuild }: Projection) {
  const copy = generation === 1 ? '' : `.${generation}`;
  const lines = [`${paint(terminal, 'bold', `${projection}@${version}${copy}`)} at position ${position}`];
  for (const { name, fingerprint } of structures) {
    const holds =
      fingerprint === null ? '' : `  ${formatCount(fingerprint.count).padStart(12)}  ${fingerprint.sum.slice(0, 16)}`;
    lines.push(`  ${name.padEnd(16)}${holds}`.trimEnd());
  }
  if (rebuild !== null) {
    const state = rebuild.fault ?? (rebuild.isCaughtUp ? 'has caught up: promote it' : progressLine(rebuild));
    const colour = rebuild.fault !== null ? 'red' : rebuild.isCaughtUp ? 'green' : 'yellow';
    lines.push(`  rebuilding ${projection}@${version}.${rebuild.generation}: ${paint(terminal, colour, state)}`);
  }
  return `${lines.join('\n')}\n`;
}
