import { errors } from '../errors.ts';
import type { Inspected, InspectionJob } from './inspection-job.ts';
import { WorkerDied, WorkerProcess } from './worker-process.ts';

export type WorkerPoolOptions = {
  readonly processesMax: number;
  /** Jobs that may wait beside those that run. */
  readonly waitingMax: number;
  /** The module that worker processes run; Strata's own unless told. */
  readonly program?: string;
};

/** Worker processes, started when there is something to do and replaced when they die. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  #idle: WorkerProcess[] = [];
  readonly #busy = new Set<WorkerProcess>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /**
   * Runs a job. One whose worker died is tried on a second worker, as the first may have died for another reason.
   * @throws server.busy when too many wait; upload.too-costly when it kills its workers or takes too long.
   */
  async run(job: InspectionJob, timeoutMs: number): Promise<Inspected> {
    await this.#turn();
    try {
      return await this.#runOnce(job, timeoutMs).catch((error) => {
        if (error instanceof WorkerDied) return this.#runOnce(job, timeoutMs);
        throw error;
      });
    } catch (error) {
      if (error instanceof WorkerDied) {
        throw errors.error('upload.too-costly', 'looking into the upload ended two worker processes', { cause: error });
      }
      throw error;
    } finally {
      this.#passOn();
    }
  }

  /** Ends all processes; jobs that run or wait are refused. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const start of this.#waiting.splice(0)) start();
    await Promise.all([...this.#idle, ...this.#busy].map((worker) => worker.stop()));
  }

  /** For tests: the processes that are alive. */
  get pids(): readonly number[] {
    return [...this.#idle, ...this.#busy].flatMap((worker) => (worker.alive && worker.pid ? [worker.pid] : []));
  }

  async #turn(): Promise<void> {
    if (this.#running < this.#options.processesMax) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= this.#options.waitingMax) {
      throw errors.error('server.busy', 'too many uploads wait to be looked into', { retryAfterSeconds: 1 });
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The place goes to the one who waited longest, so that no newcomer slips in between. */
  #passOn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  async #runOnce(job: InspectionJob, timeoutMs: number): Promise<Inspected> {
    if (this.#closed) throw errors.error('server.busy', 'the server is stopping');
    this.#idle = this.#idle.filter((worker) => worker.alive);
    const worker = this.#idle.pop() ?? new WorkerProcess(this.#options.program);
    this.#busy.add(worker);
    try {
      return await worker.run(job, timeoutMs);
    } finally {
      this.#busy.delete(worker);
      if (worker.alive && !this.#closed) this.#idle.push(worker);
    }
  }
}
