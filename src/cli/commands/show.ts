import { Command } from 'commander';
import { changedBy, changedIn, changeLines } from '../changes.ts';
import { CliFailure } from '../failure.ts';
import { type LogEvent, readEvents } from '../log-events.ts';
import { paged } from '../pager.ts';
import type { OpenSession } from '../program.ts';
import { entry } from './log.ts';

/** A time, because the position before the first event is another one in each epoch of a log. */
const BEFORE_ALL = '1970-01-01T00:00:00Z';

/** `strata show POSITION`: one event, and what it changed. */
export function showCommand(open: OpenSession): Command {
  return (
    new Command('show')
      .description('show an event and what it changed')
      // A duration back begins as an option does; what is neither is refused by the server.
      .allowUnknownOption()
      .argument('<position>', 'its position; of a time, a ref or a duration back, the last event by then')
      .action(async (when: string, _options: object, command: Command) => {
        const { client, terminal, json } = open(command);
        const event = await eventAt(when);
        // The state before an event is that of the position before it: of a filtered list, that of a newest one.
        const before = await positionBefore(event);
        const changes: object[] = [];
        for (const where of changedBy(event.stream)) {
          for await (const change of changedIn(client, { in: where, from: before, to: event.position })) {
            changes.push({ in: where, ...change });
          }
        }
        if (json) {
          terminal.out(`${JSON.stringify({ event, changes })}\n`);
          return;
        }
        await paged(terminal, lines());

        async function* lines(): AsyncGenerator<string> {
          yield entry(event, terminal);
          for (const change of changes as { readonly in: string }[]) yield changeLines(terminal, change.in, change);
        }

        async function eventAt(text: string): Promise<LogEvent> {
          for await (const found of readEvents(client, undefined, { to: text, order: 'newest' }, 1)) return found;
          throw new CliFailure(`there is no event at or before ${text}`);
        }

        async function positionBefore({ position }: LogEvent): Promise<string> {
          let isFirst = true;
          for await (const found of readEvents(client, undefined, { to: position, order: 'newest' }, 2)) {
            if (!isFirst) return found.position;
            isFirst = false;
          }
          return BEFORE_ALL;
        }
      })
  );
}
