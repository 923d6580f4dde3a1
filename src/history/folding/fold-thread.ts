import { setImmediate } from 'node:timers/promises';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { LogReader } from '#log/log-reader.ts';
import { assert } from '../../assert.ts';
import type { ProjectionDefinition } from '../projection.ts';
import { isDiskFault } from '../storage/disk-fault.ts';
import { type FoldMessage, type FoldOrder, type FoldThreadData, failedMessage } from './fold-message.ts';
import { FoldProgress } from './fold-progress.ts';
import { Folding } from './folding.ts';
import { receiveFoldThreadData } from './warm-fold-thread.ts';

/** Under load a commit comes this often, unless a reader waits; far behind the log less often, because big ones cost less. */
const COMMIT_INTERVAL_MS = 50;
const CATCH_UP_COMMIT_INTERVAL_MS = 1_000;
const FAR_BEHIND_EVENTS = 10_000;
/** A fold that gives way rests so many times as long as it works. */
const RESTS_PRESSED = 4;
/** How long a full disk is left alone: twice as long each time. */
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 8_000;
/** Folding makes small buffers by the hundred thousand: fewer and larger pieces of memory to cut them from. */
const BUFFER_POOL_BYTES = 1024 * 1024;
const IDLE_WAIT_MS = 60_000;

export type FoldThreadOptions = {
  /** Of all projections; the main thread says which of them this thread folds. */
  readonly definitions: readonly ProjectionDefinition[];
  /** Every event type that a domain knows. */
  readonly eventTypes: readonly string[];
  readonly openLog: (logDir: string) => LogReader;
};

/**
 * Runs the fold on its own thread until the main one closes it: all bulk work and the only writer of the trees. The entry
 * file of the thread calls it.
 */
export async function runFoldThread(options: FoldThreadOptions): Promise<void> {
  assert(parentPort !== null, 'the fold runs on a thread of its own');
  await new FoldThread(parentPort, receiveFoldThreadData(parentPort, workerData), options).run();
}

class FoldThread {
  readonly #port: MessagePort;
  readonly #folder: string;
  readonly #logDir: string;
  readonly #progress: FoldProgress;
  readonly #options: FoldThreadOptions;
  #definitions: readonly ProjectionDefinition[];
  #folding: Folding | null = null;
  #ordersDone = 0;
  #retryMs = RETRY_MS_MIN;

  constructor(port: MessagePort, data: FoldThreadData, options: FoldThreadOptions) {
    Buffer.poolSize = BUFFER_POOL_BYTES;
    this.#port = port;
    this.#folder = data.folder;
    this.#logDir = data.logDir;
    this.#progress = new FoldProgress(data.progress);
    this.#options = options;
    this.#definitions = options.definitions.filter(({ name }) => data.projections.includes(name));
  }

  async run(): Promise<void> {
    let log: LogReader | null = null;
    try {
      log = this.#options.openLog(this.#logDir);
      this.#folding = this.#open(log);
      this.#send({ kind: 'opened' });
      await this.#waitUntil(() => this.#progress.isRunning);
      while (!this.#progress.isClosing) await this.#foldOrRetry(log);
      await this.#folding?.close();
    } catch (error) {
      this.#send(failedMessage(error));
      await this.#waitUntil(() => false);
      await this.#folding?.abandon();
    }
    log?.close();
    this.#send({ kind: 'closed' });
  }

  #open(log: LogReader): Folding {
    return new Folding({
      folder: this.#folder,
      log,
      definitions: this.#definitions,
      eventTypes: this.#options.eventTypes,
      progress: this.#progress,
      onTile: (structure, board, index, memory) => {
        this.#progress.handTile();
        this.#send({ kind: 'tile', structure, board, index, memory });
      },
      report: (message) => this.#send({ kind: 'report', message }),
    });
  }

  /** Folds until it is told to close. Where the disk takes nothing, what is not committed is folded again later. */
  async #foldOrRetry(log: LogReader): Promise<void> {
    try {
      this.#folding ??= this.#open(log);
      await this.#fold(this.#folding);
    } catch (error) {
      if (!isDiskFault(error)) throw error;
      const message = `the projections cannot be written: ${(error as Error).message}`;
      this.#send({ kind: 'stalled', message });
      await this.#folding?.abandon();
      this.#folding = null;
      await this.#waitAtMost(this.#retryMs);
      this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
    }
  }

  async #fold(folding: Folding): Promise<void> {
    const progress = this.#progress;
    let lastCommitMs = 0;
    while (!progress.isClosing) {
      const signal = progress.signal;
      const { synced, wanted } = progress;
      if (progress.orders > this.#ordersDone) this.#takeOrders(folding);
      const startMs = performance.now();
      // A reader's position first: what it waits for is not held up by what came after.
      const before = folding.committed;
      if (folding.offset < synced) folding.step(wanted > folding.offset ? Math.min(wanted, synced) : synced);
      // A step commits by itself where projections that were further along take part again.
      if (folding.committed > before) this.#send({ kind: 'committed' });

      const isFarBehind = synced - folding.offset > FAR_BEHIND_EVENTS;
      const intervalMs = isFarBehind ? CATCH_UP_COMMIT_INTERVAL_MS : COMMIT_INTERVAL_MS;
      const untilCommitMs = lastCommitMs + intervalMs - performance.now();
      const isWanted = wanted > folding.committed && folding.offset >= Math.min(wanted, synced);
      if (folding.offset > folding.committed && (folding.isFull || isWanted || untilCommitMs <= 0)) {
        folding.commit();
        this.#retryMs = RETRY_MS_MIN;
        lastCommitMs = performance.now();
        this.#send({ kind: 'committed' });
        // Lets lmdb's and the file system's own callbacks run.
        await setImmediate();
      } else if (folding.offset >= synced) {
        progress.wait(signal, folding.offset > folding.committed ? untilCommitMs : IDLE_WAIT_MS);
      }
      if (progress.isPressed && isFarBehind) await this.#waitAtMost(RESTS_PRESSED * (performance.now() - startMs));
    }
  }

  #takeOrders(folding: Folding): void {
    for (;;) {
      const received: { message: FoldOrder } | undefined = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#ordersDone += 1;
      const { projection } = received.message;
      this.#definitions = this.#definitions.filter(({ name }) => name !== projection);
      folding.drop(projection);
      this.#send({ kind: 'committed' });
    }
  }

  /** Waits for the condition, or to be closed. */
  async #waitUntil(condition: () => boolean): Promise<void> {
    for (;;) {
      const { signal } = this.#progress;
      if (condition() || this.#progress.isClosing) return;
      this.#progress.wait(signal, IDLE_WAIT_MS);
      await setImmediate();
    }
  }

  /** Unless it is closed before. */
  async #waitAtMost(timeoutMs: number): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    for (let leftMs = timeoutMs; leftMs > 0; leftMs = endMs - performance.now()) {
      const { signal } = this.#progress;
      if (this.#progress.isClosing) return;
      this.#progress.wait(signal, leftMs);
      await setImmediate();
    }
  }

  #send(message: FoldMessage): void {
    this.#port.postMessage(message);
  }
}
