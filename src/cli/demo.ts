import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { isStrataError } from '../errors.ts';
import { ProblemError } from './client.ts';
import { Narrator } from './demo/narrator.ts';
import { drawnPhotos, photosOf } from './demo/photos.ts';
import { findOrStart } from './demo/server.ts';
import { tell } from './demo/story.ts';
import { CliFailure, usage } from './failure.ts';
import { DEFAULT_URL } from './program.ts';
import { paint, processTerminal, type Terminal } from './terminal.ts';

type Options = {
  readonly photos?: string;
  readonly place?: string;
  readonly limit?: string;
  readonly dapp: string;
  readonly once?: boolean;
};

const SAMPLE_DAPP = fileURLToPath(new URL('../../docs/examples/wall', import.meta.url));

const STOPPED = Symbol('stopped');
/** Resolves when the demo is told to stop, in the middle of its story or after it. */
const stopped = new Promise<typeof STOPPED>((resolve) => {
  process.once('SIGINT', () => resolve(STOPPED));
  process.once('SIGTERM', () => resolve(STOPPED));
});

const program = new Command('demo')
  .description('Show what Strata does, on a running server or on one of its own.')
  .option('--photos <folder>', 'upload the photos of this folder; otherwise some are drawn')
  .option('--place <file>', 'draw this r/place data set on the board; otherwise a picture')
  .option('--limit <rows>', 'only the first rows of the data set')
  .option('--dapp <folder>', 'deploy this folder', SAMPLE_DAPP)
  .option('--once', 'stop the server at the end, if the demo started it')
  .exitOverride();

const terminal = processTerminal();
try {
  await demo(program.parse().opts<Options>(), terminal);
  // A story that was stopped halfway still tries to reach its server.
  process.exit();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    const known = error instanceof CliFailure || error instanceof ProblemError || isStrataError(error);
    const text = error instanceof Error ? (known ? error.message : error.stack) : String(error);
    terminal.err(`${paint(terminal, 'red', 'demo:')} ${text}\n`);
    process.exitCode = error instanceof CliFailure ? error.exitCode : 1;
  }
}

async function demo(options: Options, terminal: Terminal): Promise<void> {
  for (const path of [options.photos, options.place, options.dapp]) {
    if (path !== undefined && !existsSync(path)) throw usage(`there is no ${path}`);
  }
  const limit = options.limit === undefined ? Number.POSITIVE_INFINITY : Number(options.limit);
  if (!(limit >= 1)) throw usage(`--limit takes a number from 1, not "${options.limit}"`);
  const photos = options.photos === undefined ? drawnPhotos() : await photosOf(options.photos);
  const { env } = terminal;

  const server = await findOrStart(env.STRATA_URL || DEFAULT_URL, env.STRATA_KEY || env.STRATA_ADMIN_KEY || null);
  const { client, folder } = server;
  terminal.out(
    server.started
      ? `No server was running: started one at ${client.url}, on the scratch folder ${folder}\n`
      : `Using the server at ${client.url}\n`,
  );
  try {
    const name = server.started ? 'demo' : `demo-${Date.now().toString(36)}`;
    const place = options.place === undefined ? null : { file: options.place, limit };
    const narrator = new Narrator(terminal);
    const told = tell({ client, narrator, name, photos, dapp: options.dapp, place, folder });
    const ending = await Promise.race([told, stopped]);
    if (ending === STOPPED) return;

    const stays = !server.started || options.once !== true;
    terminal.out(`\n${paint(terminal, 'bold', stays ? 'Open next' : 'Left behind')}\n`);
    if (stays) {
      const board = name === 'demo' ? '' : `?board=${name}`;
      terminal.out(`   the dapp, which shows the board   ${ending.dappUrl}${board}\n`);
      terminal.out(`   the board as a picture            ${client.url}/v1/boards/${name}.png\n`);
      terminal.out(`   the API                           ${client.url}/v1/openapi.json\n`);
    }
    terminal.out(`   the board in a file               ${ending.picture}\n`);
    if (server.started && stays) {
      terminal.out(`   the log                           STRATA_KEY=${client.key} bin/strata events --limit 20\n`);
      terminal.out('\nThe server goes on. Ctrl-C stops it and removes its data; the pictures stay.\n');
      await stopped;
    }
  } finally {
    await server.close();
  }
}
