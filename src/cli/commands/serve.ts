import { Command } from 'commander';
import { environment } from '../../config.ts';
import type { OpenSession } from '../program.ts';

const WIDTH = 100;

/** `strata serve`: the same as `npm start`. */
export function serveCommand(_open: OpenSession): Command {
  return new Command('serve')
    .description('run the server in this process, until it is told to stop (SIGINT, SIGTERM)')
    .addHelpText('after', `\nConfigured by environment variables:\n\n${environmentHelp()}`)
    .action(async () => {
      // Loaded only here: no other command needs the server's code.
      const { serve } = await import('#src/serve.ts');
      await serve();
    });
}

/** Every variable of `environment` in src/config.ts with its meaning and default. */
export function environmentHelp(): string {
  const names = Object.keys(environment.shape);
  const indent = Math.max(...names.map((name) => name.length)) + 4;
  return Object.entries(environment.shape)
    .map(([name, schema]) => {
      const standard: unknown = schema.safeParse(undefined).data;
      const meaning = `${schema.description ?? ''}${standard === undefined ? '' : ` (default: ${String(standard)})`}`;
      return `  ${name.padEnd(indent - 2)}${wrap(meaning, WIDTH - indent).join(`\n${' '.repeat(indent)}`)}\n`;
    })
    .join('');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
