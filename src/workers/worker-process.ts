import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errors, StrataError } from '../errors.ts';
import type { Inspected, InspectionJob, WorkerMessage } from './inspection-job.ts';

const PROGRAM = fileURLToPath(new URL('./inspection-worker.ts', import.meta.url));
const HEAP_MB_MAX = 256;
/** Files of an archive are synced side by side, each sync holding a thread. */
const THREADS = 16;

/** The worker ended before it answered, for no reason that it told. */
export class WorkerDied extends Error {
  override readonly name = 'WorkerDied';
}

type Running = { readonly resolve: (result: Inspected) => void; readonly reject: (error: Error) => void };

/** One worker process: starts with the object, takes one job at a time, and is never used again after a failure of its own. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;
  readonly #exited: Promise<void>;
  #running: Running | null = null;
  #alive = true;
  #stopped = false;

  constructor(program = PROGRAM) {
    this.#child = fork(program, {
      execArgv: ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${HEAP_MB_MAX}`],
      // The server's environment holds secrets, and a worker needs none of it.
      env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: String(THREADS) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#end(new WorkerDied(`the worker ended (${signal ?? code})`));
        resolve();
      });
      this.#child.once('error', (error) => {
        this.#end(error);
        resolve();
      });
    });
    this.#ready = new Promise((resolve, reject) => {
      const notStarted = () => {
        const failed = errors.error('server.failed', 'a worker process could not be started');
        reject(this.#stopped ? stopping() : failed);
      };
      this.#child.once('message', () => resolve());
      this.#exited.then(notStarted, notStarted);
    });
    this.#child.on('message', (message: WorkerMessage) => this.#take(message));
  }

  get alive(): boolean {
    return this.#alive;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws the job's refusal; WorkerDied; upload.too-costly after `timeoutMs`, which ends the worker. */
  async run(job: InspectionJob, timeoutMs: number): Promise<Inspected> {
    await this.#ready;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#end(errors.error('upload.too-costly', `looking into the upload took longer than ${timeoutMs / 1000} s`));
        this.#child.kill('SIGKILL');
      }, timeoutMs);
      const settled = () => {
        clearTimeout(timer);
        this.#running = null;
      };
      this.#running = {
        resolve: (result) => {
          settled();
          resolve(result);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      if (!this.#alive) this.#running.reject(new WorkerDied('the worker ended before the job'));
      else this.#child.send(job, (error) => error && this.#end(new WorkerDied('the worker takes no jobs')));
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#end(stopping());
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #take(message: WorkerMessage): void {
    if (message.kind === 'ready') return;
    if (message.kind === 'inspected') this.#running?.resolve(message.result);
    else this.#running?.reject(refusal(message.code, message.detail));
  }

  #end(error: Error): void {
    this.#alive = false;
    this.#running?.reject(error);
  }
}

function stopping(): StrataError {
  return errors.error('server.busy', 'the server is stopping');
}

/** The error of the table that the worker named: an object does not survive the way between processes. */
function refusal(code: string | null, detail: string): StrataError {
  const known = Object.entries(errors.definitions).find(([name]) => name === code);
  return known === undefined
    ? errors.error('server.failed', 'looking into the upload failed', { cause: new Error(detail) })
    : new StrataError(known[0], known[1], detail);
}
