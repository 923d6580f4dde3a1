import { randomInt } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { FaultsOptions } from './faults-run.ts';
import { FAULTS, faultsOf } from './stage/faults.ts';
import { type EngineChoice, missingEngines } from './stage/stage.ts';

type Read = Omit<FaultsOptions, 'tell'> & {
  readonly json: boolean;
  /** Where traces are kept; `null`: in a new folder, and only where something is wrong. */
  readonly keep: string | null;
};

type Given = {
  readonly minutes: number;
  readonly seed: number;
  readonly engines: EngineChoice;
  readonly faults?: readonly string[];
  readonly clients: number;
  readonly instances: number;
  readonly partitions: number;
  readonly keep?: string;
  readonly json?: true;
};

/** What the command line asks for. Ends the process where it asks wrongly, or for engines that are not here. */
export function readOptions(args: readonly string[]): Read {
  const program = new Command('node test/faults/run.ts')
    .description(
      'Kills and freezes instances of Strata and the engines under them, while clients debit, hold, place pixels and ' +
        'upload; heals all of it, and holds every answer against the log. Ends with 1 where something does not hold.',
    )
    .addHelpText('after', `\nFaults:\n${Object.entries(FAULTS).map(described).join('\n')}`)
    .option('--minutes <number>', 'how long faults are struck, and at least until each has been', positive, 1)
    .option('--seed <number>', 'decides what is struck when and what clients ask', whole, randomInt(2 ** 31))
    .addOption(
      new Option('--engines <which>', 'kafka: three brokers, Redis and S3; embedded: one instance alone')
        .choices(['kafka', 'embedded'])
        .default('kafka'),
    )
    .option('--faults <names>', 'only these, by commas (default: all)', faultNames)
    .option('--clients <number>', 'at work at once', whole, 20)
    .option('--instances <number>', 'of Strata', whole, 2)
    .option('--partitions <number>', 'of the topic', whole, 4)
    .option(
      '--keep <folder>',
      'keep answers, log and what instances print here (default: a new folder, where something is wrong)',
    )
    .option('--json', 'print the report as JSON');
  const given = program.parse([...args], { from: 'user' }).opts<Given>();
  const isEmbedded = given.engines === 'embedded';
  const missing = isEmbedded ? [] : missingEngines();
  if (missing.length > 0) {
    program.error(`no ${missing.join(', no ')} of its own can be started here: npm test says what is missing`);
  }
  const possible = faultsOf({ shared: null });
  const faults = given.faults ?? (isEmbedded ? possible : Object.keys(FAULTS));
  const wrong = isEmbedded ? faults.filter((name) => !possible.includes(name)) : [];
  if (wrong.length > 0) program.error(`${wrong.join(', ')} cannot strike the embedded engine`);
  return {
    ...given,
    faults,
    instances: isEmbedded ? 1 : given.instances,
    keep: given.keep ?? null,
    json: given.json === true,
  };
}

function described([name, { about }]: readonly [string, { readonly about: string }]): string {
  return `  ${name.padEnd(16)} ${about}`;
}

function faultNames(value: string): readonly string[] {
  const names = value.split(',');
  for (const name of names) {
    if (!Object.hasOwn(FAULTS, name)) throw new InvalidArgumentError(`There is no fault "${name}".`);
  }
  return names;
}

function positive(value: string): number {
  const number = Number(value);
  if (!(number > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return number;
}

function whole(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return number;
}
