import { run } from '#cli/program.ts';
import type { Terminal } from '#cli/terminal.ts';

export type Ran = { readonly code: number; readonly out: string; readonly err: string };

/** Runs `strata` in this process, with its output kept. */
export async function strata(env: Terminal['env'], ...args: string[]): Promise<Ran> {
  const out: Buffer[] = [];
  let err = '';
  const code = await run(args, {
    env,
    outIsTty: false,
    errIsTty: false,
    colours: false,
    out: (text) => void out.push(Buffer.from(text as string)),
    err: (text) => {
      err += text;
    },
  });
  return { code, out: Buffer.concat(out).toString('utf8'), err };
}
