import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { type Counts, changedIn, changeLines, comparable, countsIn } from '../changes.ts';
import { usage } from '../failure.ts';
import { paged } from '../pager.ts';
import type { OpenSession, Session } from '../program.ts';
import { formatBytes, formatCount } from '../progress.ts';
import { paint, type Terminal } from '../terminal.ts';

type Options = {
  readonly in?: string;
  readonly prefix?: string;
  readonly stat?: boolean;
  readonly picture?: string;
};

/** Without `--in`, a board that differs in more pixels than this is told by their number. */
const PIXELS_TOLD_MAX = 20;

/** `strata diff A B`: what changed between two positions, in the manner of `git diff`. */
export function diffCommand(open: OpenSession): Command {
  return (
    new Command('diff')
      .description('show what changed between two positions, times, refs, or durations back')
      .argument('<from>', 'what changed after it: 1042, 2026-05-01T00:00:00Z, refs/launch, -PT10M')
      .argument('[to]', 'up to and with it; now unless told')
      .option('--in <what>', 'only in: accounts, albums, dapps, photos, refs, or boards/NAME')
      .option('--prefix <text>', 'only items whose key begins with it')
      .option('--stat', 'how much changed, not what')
      .option('--picture <file>', 'write the difference of a board as a PNG')
      // A duration back begins as an option does; what is neither is refused by the server.
      .allowUnknownOption()
      .action(async (from: string, to: string | undefined, options: Options, command: Command) => {
        const session = open(command);
        if (options.picture !== undefined) return await savePicture(session, from, to, options);
        const range = { from, to, prefix: options.prefix };
        const where = options.in === undefined ? await comparable(session.client, range) : [options.in];
        await paged(session.terminal, lines(session, range, where, options));
      })
  );
}

async function* lines(
  { client, terminal, json }: Session,
  range: { readonly from: string; readonly to: string | undefined; readonly prefix: string | undefined },
  where: readonly string[],
  options: Options,
): AsyncGenerator<string> {
  for (const name of where) {
    const asked = { ...range, in: name };
    const isWhole = options.in !== undefined;
    if (options.stat === true || (!isWhole && !json)) {
      const counts = await countsIn(client, asked);
      const total = counts.added + counts.removed + counts.changed;
      if (json) yield `${JSON.stringify({ in: name, ...counts })}\n`;
      else if (total > 0 || isWhole) yield statLine(terminal, name, counts);
      if (options.stat === true || total === 0) continue;
      if (name.startsWith('boards/') && total > PIXELS_TOLD_MAX) continue;
    }
    for await (const change of changedIn(client, asked)) {
      yield json ? `${JSON.stringify({ in: name, ...change })}\n` : changeLines(terminal, name, change);
    }
  }
}

function statLine(terminal: Terminal, name: string, { added, removed, changed }: Counts): string {
  if (name.startsWith('boards/')) {
    return `${paint(terminal, 'bold', name)}: ${formatCount(added + removed + changed)} pixels differ\n`;
  }
  const parts = [
    paint(terminal, 'green', `${formatCount(added)} added`),
    paint(terminal, 'red', `${formatCount(removed)} removed`),
    `${formatCount(changed)} changed`,
  ];
  return `${paint(terminal, 'bold', name)}: ${parts.join(', ')}\n`;
}

async function savePicture(
  { client, terminal, json }: Session,
  from: string,
  to: string | undefined,
  { in: where, picture: file }: Options,
): Promise<void> {
  if (where === undefined || !where.startsWith('boards/')) throw usage('--picture takes --in boards/NAME with it');
  const response = await client.request('GET', 'diff', { query: { in: where, from, to, format: 'png' } });
  const bytes = new Uint8Array(await response.arrayBuffer());
  await writeFile(file!, bytes);
  terminal.out(
    json
      ? `${JSON.stringify({ file, bytes: bytes.byteLength })}\n`
      : `${file}: ${formatBytes(bytes.byteLength)} of image/png\n`,
  );
}
