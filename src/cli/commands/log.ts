import { Command } from 'commander';
import { usage } from '../failure.ts';
import { type EventFilter, type LogEvent, readEvents } from '../log-events.ts';
import { paged } from '../pager.ts';
import type { OpenSession } from '../program.ts';
import { paint, printable, type Terminal } from '../terminal.ts';

type Options = {
  readonly stream?: string;
  readonly type?: string;
  readonly actor?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
  readonly reverse?: boolean;
  readonly oneline?: boolean;
};

/** `strata log`: the history, newest first, in the manner of `git log`. */
export function logCommand(open: OpenSession): Command {
  return new Command('log')
    .description(
      'show the history, newest first; WHEN is a position, a time, refs/NAME, or a duration back like -PT10M',
    )
    .option('--stream <stream>', 'only events of this stream')
    .option('--type <type>', 'only events of this type')
    .option('--actor <actor>', 'only events by this actor, as in account:acme')
    .option('--since <when>', 'only events after this')
    .option('--until <when>', 'only events up to and with this')
    .option('-n, --limit <count>', 'at most so many events')
    .option('--reverse', 'oldest first')
    .option('--oneline', 'a line for each event')
    .action(async (options: Options, command: Command) => {
      const { client, terminal, json } = open(command);
      const { stream, type, actor, since, until } = options;
      const filter: EventFilter = { stream, type, actor, to: until, order: options.reverse ? 'oldest' : 'newest' };
      const events = readEvents(client, since, filter, readLimit(options.limit));
      const print = json ? jsonLine : options.oneline === true ? oneLine : entry;
      await paged(
        terminal,
        linesOf(events, (event) => print(event, terminal)),
      );
    });
}

async function* linesOf(events: AsyncIterable<LogEvent>, print: (event: LogEvent) => string): AsyncGenerator<string> {
  for await (const event of events) yield print(event);
}

function jsonLine(event: LogEvent): string {
  return `${JSON.stringify(event)}\n`;
}

function oneLine(event: LogEvent, terminal: Terminal): string {
  const at = `${event.stream}@${event.revision}`;
  const { position, type, data } = event;
  return `${paint(terminal, 'yellow', position)} ${paint(terminal, 'cyan', type)} ${at} ${printable(data)}\n`;
}

/** An event as a paragraph: what `strata log` and `strata show` print. */
export function entry(event: LogEvent, terminal: Terminal): string {
  const { position, type, stream, revision, actor, recordedAt, causation, data } = event;
  const fields = Object.entries(data).map(([name, value]) => `    ${name}: ${printable(value)}\n`);
  return [
    `${paint(terminal, 'yellow', `position ${position}`)} ${paint(terminal, 'cyan', type)}\n`,
    `Stream: ${stream}@${revision}\n`,
    `Actor:  ${actor}\n`,
    `Date:   ${recordedAt}\n`,
    ...(causation === null ? [] : [`Cause:  event ${causation}\n`]),
    '\n',
    ...fields,
    '\n',
  ].join('');
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const limit = Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1) throw usage(`--limit takes a number from 1, not "${text}"`);
  return limit;
}
