import { Command } from 'commander';
import { usage } from '../failure.ts';

/** The option that puts a command back in time, of those that read. */
const OPTIONS: { readonly [command: string]: string } = { get: '--as-of', log: '--until' };

/**
 * `strata at WHEN COMMAND...`: runs a command that reads on the state of then. `run` takes the arguments as the program
 * does, and throws as it does.
 */
export function atCommand(run: (args: readonly string[]) => Promise<void>): Command {
  return new Command('at')
    .description('run a command as of then: strata at refs/launch get boards/demo, strata at -PT10M log -n 3')
    .argument('<when>', 'a position, a time, refs/NAME, or a duration back like -PT10M')
    .argument('<command...>', 'get or log, with its own arguments')
    .allowUnknownOption()
    .action(async (when: string, [name, ...rest]: string[], _options: object, command: Command) => {
      const option = OPTIONS[name!];
      if (option === undefined) {
        const known = Object.keys(OPTIONS).join(' and ');
        throw usage(`"${name}" does not read a state: ${known} do (what lies between two states: strata diff)`);
      }
      await run([...globals(command), name!, option, when, ...rest]);
    });
}

/** The options before the command, handed on. */
function globals(command: Command): string[] {
  const { url, key, json }: { url?: string; key?: string; json?: boolean } = command.optsWithGlobals();
  const isGiven = command.getOptionValueSourceWithGlobals('url') === 'cli';
  return [
    ...(isGiven && url !== undefined ? ['--url', url] : []),
    ...(key === undefined ? [] : ['--key', key]),
    ...(json === true ? ['--json'] : []),
  ];
}
