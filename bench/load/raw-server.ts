import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';

const PROGRAM = fileURLToPath(new URL('./raw-handler.ts', import.meta.url));

/** What the raw handler answers every request with. */
export type RawAnswer = { readonly headers: readonly (readonly [string, string])[]; readonly body: string };

/** A bare uWebSockets.js handler in a process of its own: the most that this machine and library can do. */
export type RawServer = { readonly url: string; stop(): Promise<void> };

/** Starts a handler that answers as the given answer did, headers and all. */
export async function startRawServer(like: Response): Promise<RawServer> {
  // What the library adds by itself.
  const own = new Set(['content-length', 'date', 'connection', 'keep-alive', 'uwebsockets']);
  const answer: RawAnswer = {
    headers: [...like.headers].filter(([name]) => !own.has(name)),
    body: await like.text(),
  };
  const port = await freePort();
  const handler = fork(PROGRAM, [String(port), JSON.stringify(answer)], {
    execArgv: ['--max-semi-space-size=64', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(handler, 'message');
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      handler.kill();
      await once(handler, 'exit');
    },
  };
}
