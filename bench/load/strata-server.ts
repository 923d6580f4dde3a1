import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const READY_WITHIN_MS = 30_000;

/** A real server in a process of its own, on a scratch folder, as `npm start` runs it. */
export class StrataServer {
  readonly url: string;
  readonly key = 'a-key-for-benchmarks-only';
  readonly #dir: string;
  readonly #isScratch: boolean;
  readonly #process: ChildProcess;

  private constructor(port: number, dir: string | null) {
    this.url = `http://127.0.0.1:${port}`;
    this.#isScratch = dir === null;
    this.#dir = dir ?? mkdtempSync(join(tmpdir(), 'strata-bench-'));
    this.#process = spawn(
      process.execPath,
      ['--max-semi-space-size=64', '--disable-warning=ExperimentalWarning', MAIN],
      {
        env: {
          PATH: process.env.PATH,
          STRATA_PORT: String(port),
          STRATA_DATA_DIR: this.#dir,
          STRATA_ADMIN_KEY: this.key,
        },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
  }

  /** On the data of `dir`, which stays, or on none. */
  static async start(dir: string | null = null): Promise<StrataServer> {
    const server = new StrataServer(await freePort(), dir);
    const endMs = performance.now() + READY_WITHIN_MS;
    while (
      !(await fetch(`${server.url}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      ))
    ) {
      if (server.#process.exitCode !== null || performance.now() > endMs) {
        await server.stop();
        throw new Error('the server did not become ready');
      }
      await wait(50);
    }
    return server;
  }

  /** A request as the admin. @throws Error unless it is answered with success. */
  async call(
    method: string,
    path: string,
    body?: object | Buffer,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const bytes = body === undefined ? null : Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body);
    const type = Buffer.isBuffer(body) ? {} : { 'Content-Type': 'application/json' };
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.key}`, ...type, ...headers },
      body: bytes,
    });
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${await answer.text()}`);
    return answer;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      this.#process.kill('SIGTERM');
      await once(this.#process, 'exit');
    }
    if (this.#isScratch) rmSync(this.#dir, { recursive: true, force: true });
  }
}
