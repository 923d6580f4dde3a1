import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { apiPath } from '../client.ts';
import { usage } from '../failure.ts';
import type { OpenSession } from '../program.ts';
import { formatBytes } from '../progress.ts';
import { paint } from '../terminal.ts';

/** `strata get PATH`: one GET, printed for people, or its bytes in a file. */
export function getCommand(open: OpenSession): Command {
  return new Command('get')
    .description('read something: strata get boards/demo, strata get accounts/acme --as-of 2026-05-01T00:00:00Z')
    .argument('<path>', 'address below /v1/, with its query string; from the root if it begins with /')
    .option('--as-of <when>', 'the state at a position or a time')
    .option('-o, --output <file>', 'write the answer to a file: pictures, bitmaps, originals')
    .action(async (path: string, options: { asOf?: string; output?: string }, command: Command) => {
      const { client, terminal, json } = open(command);
      const response = await client.request('GET', apiPath(path), { query: { asOf: options.asOf } });
      const mediaType = response.headers.get('Content-Type') ?? 'application/octet-stream';
      const bytes = new Uint8Array(await response.arrayBuffer());
      const position = response.headers.get('Strata-Position');
      if (options.output !== undefined) {
        await writeFile(options.output, bytes);
        const summary = { file: options.output, bytes: bytes.byteLength, mediaType, position };
        const at = position === null ? '' : ` at position ${position}`;
        terminal.out(
          json
            ? `${JSON.stringify(summary)}\n`
            : `${options.output}: ${formatBytes(bytes.byteLength)} of ${mediaType}${at}\n`,
        );
        return;
      }
      if (isJson(mediaType)) {
        const text = new TextDecoder().decode(bytes);
        if (json) terminal.out(text.endsWith('\n') ? text : `${text}\n`);
        else {
          terminal.out(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);
          if (position !== null && terminal.errIsTty)
            terminal.err(`${paint(terminal, 'dim', `position ${position}`)}\n`);
        }
      } else if (mediaType.startsWith('text/') || !terminal.outIsTty) {
        terminal.out(bytes);
      } else {
        throw usage(`${path} is ${mediaType}, ${formatBytes(bytes.byteLength)}: name a file with -o`);
      }
    });
}

function isJson(mediaType: string): boolean {
  return /^application\/(?:[a-z.-]+\+)?json(?:;|$)/.test(mediaType);
}
