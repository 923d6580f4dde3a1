import { Command, CommanderError, Option } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { ProblemError, StrataClient } from './client.ts';
import { atCommand } from './commands/at.ts';
import { auditCommand } from './commands/audit.ts';
import { backupCommand } from './commands/backup.ts';
import { diffCommand } from './commands/diff.ts';
import { eventsCommand } from './commands/events.ts';
import { getCommand } from './commands/get.ts';
import { importCommand } from './commands/import-place.ts';
import { initCommand } from './commands/init.ts';
import { logCommand } from './commands/log.ts';
import { migrateCommand } from './commands/migrate.ts';
import { projectionsCommand } from './commands/projections.ts';
import { putCommand } from './commands/put.ts';
import { refsCommand } from './commands/refs.ts';
import { replayCommand } from './commands/replay.ts';
import { restoreCommand } from './commands/restore.ts';
import { serveCommand } from './commands/serve.ts';
import { showCommand } from './commands/show.ts';
import { statusCommand } from './commands/status.ts';
import { verifyCommand } from './commands/verify.ts';
import { CliFailure } from './failure.ts';
import { paint, type Terminal } from './terminal.ts';

export const DEFAULT_URL = 'http://127.0.0.1:8080';

/** What every command is given. */
export type Session = {
  readonly terminal: Terminal;
  readonly client: StrataClient;
  /** True when the output is for programs. */
  readonly json: boolean;
};

/** Makes the session from the options that all commands share; `command` is the one that runs. */
export type OpenSession = (command: Command) => Session;

/** Runs `strata` with its arguments. Resolves with the exit code: 0 done, 1 refused or failed, 2 called wrongly. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = buildProgram(terminal);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has printed its own message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    terminal.err(`${paint(terminal, 'red', 'strata:')} ${explain(error)}\n`);
    return error instanceof CliFailure ? error.exitCode : 1;
  }
}

/** The whole command line, for running and for tests that read its help. */
export function buildProgram(terminal: Terminal): Command {
  const program = new Command('strata')
    .description('Run Strata, and talk to a running server.')
    .addOption(new Option('--url <url>', 'address of the server (env STRATA_URL)').default(DEFAULT_URL))
    .addOption(new Option('--key <key>', 'key to present (env STRATA_KEY, else STRATA_ADMIN_KEY)'))
    .option('--json', 'print for programs: JSON, or a line of JSON for each item')
    .version(manifest.version)
    .showHelpAfterError('(add --help for the options)');
  const open: OpenSession = (command) => openSession(command, terminal);
  for (const make of [
    serveCommand,
    initCommand,
    statusCommand,
    eventsCommand,
    getCommand,
    putCommand,
    importCommand,
    logCommand,
    showCommand,
    diffCommand,
    refsCommand,
    projectionsCommand,
    replayCommand,
    auditCommand,
    backupCommand,
    restoreCommand,
    migrateCommand,
    verifyCommand,
  ]) {
    program.addCommand(make(open));
  }
  program.addCommand(
    atCommand(async (args) => {
      await buildProgram(terminal).parseAsync([...args], { from: 'user' });
    }),
  );
  for (const command of [program, ...program.commands, ...program.commands.flatMap((parent) => parent.commands)]) {
    command.exitOverride();
    command.configureHelp({ showGlobalOptions: true, helpWidth: 100 });
    command.configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) });
  }
  return program;
}

function openSession(command: Command, terminal: Terminal): Session {
  const options: { url: string; key?: string; json?: boolean } = command.optsWithGlobals();
  const { env } = terminal;
  const urlGiven = command.getOptionValueSourceWithGlobals('url') === 'cli';
  return {
    terminal,
    json: options.json === true,
    client: new StrataClient({
      url: urlGiven ? options.url : env.STRATA_URL || options.url,
      key: options.key ?? (env.STRATA_KEY || env.STRATA_ADMIN_KEY || null),
    }),
  };
}

function explain(error: unknown): string {
  if (error instanceof ProblemError && error.problem.status === 401) {
    return `${error.message}\nName a key with --key or STRATA_KEY: the first start of the server printed the admin's.`;
  }
  if (error instanceof ProblemError || error instanceof CliFailure) return error.message;
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
