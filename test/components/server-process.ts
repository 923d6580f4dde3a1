import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dockerRun } from './docker.ts';
import type { Found } from './found.ts';

const OUTPUT_LINES_MAX = 200;
/** Below what Linux hands out for connections, so that a port stays free while its server is down. */
const PORTS = { first: 20_000, count: 10_000 } as const;

/**
 * Becomes the server, and leaves a watcher behind that ends it when the pipe from this process closes: a test process
 * that is killed leaves no server. `$0` is the command that ends it.
 */
const WATCHED = 'exec 3<&0; server=$$; { cat <&3; eval "$0"; } >/dev/null 2>&1 & exec "$@" </dev/null 3<&-';

export type ServerCommand = {
  readonly found: Extract<Found, { by: 'docker' | 'native' }>;
  /** The program and its arguments, the same for both. */
  readonly command: readonly [string, ...string[]];
  /** The folder that the server may see and write. */
  readonly dir: string;
  readonly env?: { readonly [name: string]: string };
};

/** A server that a test started: a process, or a container that is treated like one. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #container: string | null;
  readonly #exited: Promise<void>;
  readonly #output: string[] = [];
  #onLine: ((line: string) => void) | null = null;

  constructor({ found, command, dir, env = {} }: ServerCommand) {
    this.#container = found.by === 'docker' ? `strata-test-${randomBytes(6).toString('hex')}` : null;
    const [ending, started] =
      found.by === 'docker' && this.#container !== null
        ? [
            `docker rm --force ${this.#container}`,
            dockerRun({ image: found.image, name: this.#container, dir, env, command }),
          ]
        : ['kill -9 "$server"', command];
    this.#child = spawn('sh', ['-c', WATCHED, ending, ...started], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.#take(line);
      });
    }
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves when it is gone, for whatever reason. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  /** The last lines that it printed. */
  get output(): string {
    return this.#output.join('\n');
  }

  #take(line: string): void {
    this.#output.push(line);
    if (this.#output.length > OUTPUT_LINES_MAX) this.#output.shift();
    this.#onLine?.(line);
  }

  /** Resolves when it has printed the words. */
  async printed(words: string, timeoutMs: number): Promise<void> {
    const said = new Promise<void>((resolve) => {
      this.#onLine = (line) => line.includes(words) && resolve();
    });
    if (this.#output.some((line) => line.includes(words))) return;
    await this.#before(said, timeoutMs, `has not said "${words}"`);
  }

  /** Resolves when `isReady` does with true; asked again and again. */
  async until(isReady: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    let isAsking = true;
    const ready = (async () => {
      while (isAsking && !(await isReady())) await new Promise((resolve) => setTimeout(resolve, 10));
    })();
    await this.#before(ready, timeoutMs, 'does not answer').finally(() => {
      isAsking = false;
    });
  }

  /** Resolves when a program that ends by itself has ended well. */
  async ended(): Promise<void> {
    await this.#exited;
    if (this.#child.exitCode !== 0) throw this.#failure(`ended with ${this.#child.exitCode}`);
  }

  /** Waits for `good`, but not past its end and not for ever. */
  async #before(good: Promise<void>, timeoutMs: number, otherwise: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`${otherwise} after ${timeoutMs} ms`), timeoutMs);
    });
    const failed = await Promise.race([good.then(() => null), late, this.#exited.then(() => 'has ended')]);
    clearTimeout(timer);
    if (failed !== null) throw this.#failure(failed);
  }

  #failure(what: string): Error {
    return new Error(`${this.#child.spawnargs.slice(4).join(' ')} ${what}\n${this.output}`);
  }

  /** kill -9, also when paused. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (!this.hasExited) {
      if (this.#container !== null) execFileSync('docker', ['rm', '--force', this.#container], { stdio: 'ignore' });
      else this.#child.kill('SIGKILL');
    }
    await this.#exited;
  }

  /** SIGTERM: it ends when it is done. */
  terminate(): void {
    if (this.#container !== null) execFileSync('docker', ['stop', this.#container], { stdio: 'ignore' });
    else this.#child.kill('SIGTERM');
  }

  /** SIGSTOP: it keeps its connections and says nothing. */
  pause(): void {
    if (this.#container !== null) execFileSync('docker', ['pause', this.#container], { stdio: 'ignore' });
    else this.#child.kill('SIGSTOP');
  }

  resume(): void {
    if (this.#container !== null) execFileSync('docker', ['unpause', this.#container], { stdio: 'ignore' });
    else this.#child.kill('SIGCONT');
  }
}

/** A folder for servers, which goes when it is removed or this process ends. */
export class ServerFolder {
  readonly path: string;
  readonly #watcher: ChildProcess;

  constructor(name: string) {
    this.path = mkdtempSync(join(tmpdir(), `strata-${name}-`));
    // Twice: what still writes there is being ended in the same moment.
    const script = 'cat; rm -rf "$0" || { sleep 1; rm -rf "$0"; }';
    this.#watcher = spawn('sh', ['-c', script, this.path], { stdio: ['pipe', 'ignore', 'ignore'] });
    this.#watcher.unref();
  }

  empty(): void {
    rmSync(this.path, { recursive: true, force: true });
    mkdirSync(this.path);
  }

  /** To be called when its servers are gone. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
    this.#watcher.stdin?.end();
  }
}

/** Ports that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
