import { Command } from 'commander';
import { describeProblem, type Problem } from '../client.ts';
import { CliFailure } from '../failure.ts';
import type { OpenSession } from '../program.ts';
import { paint } from '../terminal.ts';

/** `strata status`: whether the server is ready, and how far the log and the projections have come. */
export function statusCommand(open: OpenSession): Command {
  return new Command('status')
    .description('tell whether the server is ready, how far the log has come, and how far the projections follow')
    .option('--accept-clock', 'say that the clock is right as it is, after the server stopped writing for log.clock')
    .action(async (options: { acceptClock?: boolean }, command: Command) => {
      const { client, terminal, json } = open(command);
      if (options.acceptClock) await client.request('POST', '/v1/clock/accept');
      const response = await client.send('GET', '/readyz');
      // The contract of /readyz; what else it tells is printed as it is named.
      const { ready, problems, ...progress } = (await response.json()) as Readiness;
      if (json) terminal.out(`${JSON.stringify({ ready, problems, ...progress })}\n`);
      else {
        const word = ready ? paint(terminal, 'green', 'ready') : paint(terminal, 'red', 'not ready');
        terminal.out(`${client.url} is ${word}\n${table(progress)}`);
        for (const problem of problems) terminal.out(`  ${paint(terminal, 'red', describeProblem(problem))}\n`);
      }
      if (!ready) throw new CliFailure(`the server at ${client.url} is not ready`);
    });
}

type Readiness = {
  readonly ready: boolean;
  readonly problems: readonly Problem[];
  readonly [name: string]: unknown;
};

/** What the fields are called for people. */
const NAMES: { readonly [field: string]: string } = {
  head: 'log is at',
  checkpoint: 'projections are at',
  lagMs: 'projections lag by',
};

function table(fields: { readonly [name: string]: unknown }): string {
  const rows = Object.entries(fields).map(([name, value]) => {
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    return [NAMES[name] ?? name, name.endsWith('Ms') ? `${text} ms` : text] as const;
  });
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}\n`).join('');
}
