import { Worker } from 'node:worker_threads';
import { errors } from '../errors.ts';
import type { Db, Projections } from './db.ts';
import { type FoldMessage, type FoldThreadData, failure } from './fold-message.ts';
import { FoldProgress } from './fold-progress.ts';
import { type Commit, FoldedDb } from './folded-db.ts';
import { Lag } from './lag.ts';
import type { ProjectionDefinition } from './projection.ts';
import { ReadStore } from './read-store.ts';

export type ProjectionsOptions = {
  /** The data folder: projections lie in its folder `projections`. */
  readonly dir: string;
  readonly logDir: string;
  /** The fold thread's entry file, which calls `runFoldThread` with the same definitions. */
  readonly projectorUrl: URL;
  readonly definitions: readonly ProjectionDefinition[];
  /** The offset that the log is synced up to now. */
  readonly synced: number;
  /** Told what an operator should know: data that is discarded and folded again. */
  readonly report?: (message: string) => void;
};

/**
 * Starts the fold thread and opens what it writes for reading. Resolves once current state can be read, which may be behind
 * the log still.
 * @throws what kept the thread from starting.
 */
export async function openProjections(options: ProjectionsOptions): Promise<Projections> {
  const projections = new ThreadedProjections(options);
  await projections.opened;
  return projections;
}

type Waiter = {
  readonly offset: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
};

class ThreadedProjections implements Projections {
  readonly opened: Promise<void>;
  readonly #options: ProjectionsOptions;
  readonly #progress = new FoldProgress();
  readonly #store = new ReadStore();
  readonly #thread: Worker;
  readonly #lag = new Lag();
  readonly #waiters = new Set<Waiter>();
  readonly #exited: Promise<void>;
  #opening: PromiseWithResolvers<void> | null;
  #synced: number;
  #commit: Commit = { offset: 0, snapshot: null };
  #db: FoldedDb;
  #fault: Error | null = null;
  #tilesReceived = 0;
  /** True when a commit waits for tiles that are on their way. */
  #isBehind = false;

  constructor(options: ProjectionsOptions) {
    const { dir, logDir, projectorUrl, synced } = options;
    this.#options = options;
    this.#synced = synced;
    this.#db = this.#newDb(0, true);
    this.#progress.synced = synced;
    this.#lag.synced(synced);
    const workerData: FoldThreadData = { dir, logDir, progress: this.#progress.memory };
    this.#thread = new Worker(projectorUrl, { workerData });
    this.#opening = Promise.withResolvers();
    this.opened = this.#opening.promise;
    this.#thread.on('message', (message: FoldMessage) => this.#receive(message));
    this.#thread.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#exited = new Promise((resolve) => {
      this.#thread.on('exit', () => {
        this.#fail(new Error('the fold thread has ended'));
        resolve();
      });
    });
  }

  db(offset?: number): Db {
    if (offset === undefined) return this.#db;
    if (offset > this.#commit.offset) {
      throw errors.error('history.not-yet', `position ${offset} is not folded yet; ${this.#commit.offset} is`);
    }
    return this.#newDb(offset, false);
  }

  checkpoint(): number {
    return this.#commit.offset;
  }

  advance(synced: number): void {
    if (synced <= this.#synced) return;
    this.#synced = synced;
    this.#lag.synced(synced);
    this.#progress.synced = synced;
  }

  waitFor(offset: number, timeoutMs: number): Promise<void> {
    if (offset <= this.#commit.offset) return Promise.resolve();
    if (this.#fault !== null) return Promise.reject(notYet(offset, this.#fault));
    if (offset > this.#progress.wanted) this.#progress.wanted = offset;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(notYet(offset, null));
      }, timeoutMs);
      const waiter: Waiter = { offset, timer, resolve, reject };
      this.#waiters.add(waiter);
    });
  }

  lagMs(): number {
    return this.#lag.ms();
  }

  fault(): Error | null {
    return this.#fault;
  }

  async close(): Promise<void> {
    this.#progress.close();
    await this.#exited;
    this.#commit.snapshot?.done();
    this.#commit = { ...this.#commit, snapshot: null };
    await this.#store.close();
  }

  #receive(message: FoldMessage): void {
    switch (message.kind) {
      case 'tile':
        this.#store.boards(message.structure).add(message.board, message.index, message.memory);
        this.#tilesReceived += 1;
        if (this.#isBehind) this.#refresh();
        break;
      case 'opened':
        this.#open();
        break;
      case 'committed':
        this.#refresh();
        break;
      case 'report':
        this.#options.report?.(message.message);
        break;
      case 'failed':
        this.#fail(failure(message));
        break;
    }
  }

  #open(): void {
    try {
      this.#store.open(this.#options.dir, this.#options.definitions);
      this.#refresh();
      this.#progress.run();
      this.#opening?.resolve();
      this.#opening = null;
    } catch (error) {
      this.#progress.close();
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Reads see the newest commit from here on, all at once: when the tiles that it made have arrived too. */
  #refresh(): void {
    const newest = this.#store.commit();
    this.#isBehind = this.#tilesReceived < this.#progress.tilesHanded;
    if (this.#isBehind) {
      newest.snapshot?.done();
      return;
    }
    const before = this.#commit.snapshot;
    this.#commit = newest;
    before?.done();
    const { offset } = this.#commit;
    this.#db = this.#newDb(offset, true);
    this.#lag.folded(offset);
    for (const waiter of this.#waiters) {
      if (waiter.offset > offset) continue;
      this.#waiters.delete(waiter);
      clearTimeout(waiter.timer);
      waiter.resolve();
    }
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    this.#opening?.reject(this.#fault);
    this.#opening = null;
    for (const { offset, timer, reject } of this.#waiters) {
      clearTimeout(timer);
      reject(notYet(offset, this.#fault));
    }
    this.#waiters.clear();
  }

  #newDb(offset: number, current: boolean): FoldedDb {
    return new FoldedDb({ offset, current }, this.#store, this.#progress, () => this.#commit);
  }
}

function notYet(offset: number, cause: Error | null): Error {
  const why = cause === null ? '' : `: ${cause.message}`;
  return errors.error('history.not-yet', `position ${offset} is not folded yet${why}`, { cause, retryAfterSeconds: 1 });
}
