import { Command } from 'commander';
import { usage } from '../failure.ts';
import { followEvents } from '../follow.ts';
import { type EventFilter, headOfLog, isAfter, type LogEvent, readEvents } from '../log-events.ts';
import type { OpenSession } from '../program.ts';
import { paint, printable, type Terminal } from '../terminal.ts';

/** `strata events`: the log, a line an event; with `--follow` it goes on as events arrive. */
export function eventsCommand(open: OpenSession): Command {
  return new Command('events')
    .description('print the log: position, time, stream@revision, type and data of each event')
    .option('--after <position>', 'only events after this position')
    .option('--stream <stream>', 'only events of this stream')
    .option('--type <type>', 'only events of this type')
    .option('--limit <count>', 'at most so many events (default: 100; with --follow no limit)')
    .option('-f, --follow', 'stay, and print events as they arrive')
    .action(
      async (
        options: { after?: string; stream?: string; type?: string; limit?: string; follow?: boolean },
        command: Command,
      ) => {
        const { client, terminal, json } = open(command);
        const limit = readLimit(options.limit, options.follow === true);
        const filter: EventFilter = { stream: options.stream, type: options.type };
        const print = (event: LogEvent) =>
          terminal.out(json ? `${JSON.stringify(event)}\n` : eventLine(terminal, event));
        let printed = 0;
        // Known before reading, so that following begins no later than where reading ended.
        let position = options.follow === true ? await headOfLog(client) : '0';
        for await (const event of readEvents(client, options.after, filter, limit)) {
          print(event);
          printed += 1;
          if (isAfter(event.position, position)) position = event.position;
        }
        if (options.follow !== true || printed >= limit) return;
        for await (const event of followEvents(client, position, filter)) {
          print(event);
          printed += 1;
          if (printed >= limit) return;
        }
      },
    );
}

function readLimit(text: string | undefined, follow: boolean): number {
  if (text === undefined) return follow ? Number.POSITIVE_INFINITY : 100;
  const limit = Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1) throw usage(`--limit takes a number from 1, not "${text}"`);
  return limit;
}

function eventLine(terminal: Terminal, event: LogEvent): string {
  return [
    paint(terminal, 'dim', event.position.padStart(8)),
    paint(terminal, 'dim', event.recordedAt),
    `${event.stream}@${event.revision}`,
    paint(terminal, 'cyan', event.type),
    `${printable(event.data)}\n`,
  ].join(' ');
}
