import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ServerProcess } from '../../components/server-process.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const START_AGAIN_MS = 1000;
/** How long orchestrators wait, before they kill. */
const STOP_MS_MAX = 30_000;

export type InstanceOptions = {
  readonly name: string;
  readonly port: number;
  /** Its own data folder. */
  readonly dir: string;
  readonly env: { readonly [name: string]: string };
};

/** An end that nobody asked for. */
export type OwnEnd = { readonly instance: string; readonly wasReady: boolean; readonly output: string };

/** A real instance, a process of its own, which is started again when it ends by itself, as an orchestrator does. */
export class Instance {
  readonly name: string;
  readonly url: string;
  /** As the commands that read its data folder take it. */
  readonly env: { readonly [name: string]: string };
  readonly ownEnds: OwnEnd[] = [];
  /** What was to be said of a stop that took too long. */
  readonly lateStops: string[] = [];
  readonly #dir: string;
  #process: ServerProcess | null = null;
  #isWanted = false;
  #wasReady = false;
  /** What earlier lives printed last. */
  #printed = '';

  constructor({ name, port, dir, env }: InstanceOptions) {
    this.name = name;
    this.url = `http://127.0.0.1:${port}`;
    this.env = { ...env, STRATA_PORT: String(port), STRATA_DATA_DIR: dir };
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  /** What its last lives printed last. */
  get output(): string {
    return `${this.#printed}${this.#process?.output ?? ''}\n`;
  }

  start(): void {
    this.#isWanted = true;
    this.#spawn();
  }

  #spawn(): void {
    if (this.#process !== null) this.#printed = `${this.output}--- started again\n`.slice(-100_000);
    const command = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN] as const;
    const found = { by: 'native', path: process.execPath } as const;
    const started = new ServerProcess({ found, command: [...command], dir: this.#dir, env: this.env });
    this.#process = started;
    this.#wasReady = false;
    void started.exited.then(() => this.#ended(started));
  }

  async #ended(ended: ServerProcess): Promise<void> {
    if (!this.#isWanted || this.#process !== ended) return;
    this.ownEnds.push({ instance: this.name, wasReady: this.#wasReady, output: ended.output });
    await delay(START_AGAIN_MS);
    if (this.#isWanted && this.#process === ended) this.#spawn();
  }

  async isReady(): Promise<boolean> {
    try {
      const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2000) });
      await response.arrayBuffer();
      if (response.ok) this.#wasReady = true;
      return response.ok;
    } catch {
      return false;
    }
  }

  /** What it says of itself, in few words. */
  async told(): Promise<string> {
    try {
      const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2000) });
      return await response.text();
    } catch (error) {
      return `does not answer: ${String(error)}\n${this.output}`;
    }
  }

  /** Resolves with whether it was ready in time. */
  async ready(timeoutMs: number): Promise<boolean> {
    const endMs = performance.now() + timeoutMs;
    while (!(await this.isReady())) {
      if (performance.now() > endMs) return false;
      await delay(100);
    }
    return true;
  }

  /** kill -9, also when paused. */
  async kill(): Promise<void> {
    this.#isWanted = false;
    await this.#process?.kill();
  }

  /** SIGTERM; kill -9 where that does not end it in time. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    const stopping = this.#process;
    if (stopping === null) return;
    stopping.terminate();
    const isLate = await Promise.race([stopping.exited.then(() => false), delay(STOP_MS_MAX, true, { ref: false })]);
    if (!isLate) return;
    this.lateStops.push(`${this.name} has not ended ${STOP_MS_MAX} ms after SIGTERM: ${stopping.output.slice(-2000)}`);
    await stopping.kill();
  }

  /** SIGSTOP. */
  pause(): void {
    this.#process?.pause();
  }

  resume(): void {
    this.#process?.resume();
  }
}
