import { Command } from 'commander';
import { jsonBody, type StrataClient } from '../client.ts';
import { CliFailure } from '../failure.ts';
import type { OpenSession } from '../program.ts';
import { paint } from '../terminal.ts';

type Ref = { readonly ref: string; readonly position: string };

/** `strata refs`: named positions, as git has tags. */
export function refsCommand(open: OpenSession): Command {
  const refs = new Command('refs').description('list, set and delete refs: names for positions');
  refs
    .command('list', { isDefault: true })
    .description('list all refs')
    .action(async (_options: object, command: Command) => {
      const { client, terminal, json } = open(command);
      let cursor: string | undefined;
      do {
        const page = await client.json<{ items: Ref[]; next: string | null }>('refs', { limit: 1000, cursor });
        for (const item of page.items) {
          terminal.out(
            json
              ? `${JSON.stringify(item)}\n`
              : `${paint(terminal, 'yellow', item.position.padStart(8))} refs/${item.ref}\n`,
          );
        }
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
    });
  refs
    .command('set')
    .description('set a ref, or move it')
    .argument('<name>', 'a-z, 0-9 and hyphens')
    .argument('[when]', 'a position, a time, another refs/NAME, or a duration back; now unless told')
    .allowUnknownOption()
    .option('--expected <position>', 'refuse unless it stands there; "none" for a ref that must not exist')
    .action(async (name: string, when: string | undefined, options: { expected?: string }, command: Command) => {
      const { client, terminal, json } = open(command);
      const body = {
        ...(when !== undefined && { position: await positionOf(client, when) }),
        ...(options.expected !== undefined && { expected: options.expected === 'none' ? null : options.expected }),
      };
      await client.request('PUT', `refs/${name}`, { body: jsonBody(body) });
      const ref = await client.json<Ref>(`refs/${name}`);
      terminal.out(json ? `${JSON.stringify(ref)}\n` : `refs/${ref.ref} is position ${ref.position}\n`);
    });
  refs
    .command('delete')
    .description('delete a ref; what it named stays')
    .argument('<name>')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, terminal, json } = open(command);
      await client.request('DELETE', `refs/${name}`);
      terminal.out(json ? `${JSON.stringify({ ref: name, deleted: true })}\n` : `refs/${name} is deleted\n`);
    });
  return refs;
}

/** How far the log had come by then: any reading of then tells. */
async function positionOf(client: StrataClient, when: string): Promise<string> {
  const response = await client.request('GET', 'refs', { query: { limit: 1, asOf: when } });
  await response.arrayBuffer();
  const position = response.headers.get('Strata-Position');
  if (position === null) throw new CliFailure('the server does not tell its position');
  return position;
}
