import { type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { assert } from '../../assert.ts';
import type { FoldThreadData } from './fold-message.ts';

const BEGUN = 1;

type WarmThreadData = { readonly begun: SharedArrayBuffer };

/** A fold thread that loads its code while it is not known yet what it will fold: so the two threads of a start load theirs at once. */
export class WarmFoldThread {
  readonly #worker: Worker;
  readonly #begun = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #isTaken = false;

  /** `projectorUrl` is the thread's entry file, which calls `runFoldThread`. */
  constructor(projectorUrl: URL) {
    // Of a shared array's buffer.
    const workerData: WarmThreadData = { begun: this.#begun.buffer as SharedArrayBuffer };
    this.#worker = new Worker(projectorUrl, { workerData });
    // A start that comes to nothing must not be kept alive by it.
    this.#worker.unref();
  }

  /** The thread, told what to fold; `null` when it was taken before. */
  begin(data: FoldThreadData): Worker | null {
    if (this.#isTaken) return null;
    this.#isTaken = true;
    this.#worker.ref();
    this.#worker.postMessage(data);
    Atomics.store(this.#begun, 0, BEGUN);
    Atomics.notify(this.#begun, 0);
    return this.#worker;
  }
}

/** Starts a fold thread that begins at once. */
export function startFoldThread(projectorUrl: URL, data: FoldThreadData): Worker {
  const worker = new WarmFoldThread(projectorUrl).begin(data);
  assert(worker !== null, 'a new thread is nobody’s');
  return worker;
}

/** On the thread: waits until it is told what to fold. */
export function receiveFoldThreadData(port: MessagePort, workerData: WarmThreadData): FoldThreadData {
  Atomics.wait(new Int32Array(workerData.begun), 0, 0);
  for (;;) {
    const received: { message: FoldThreadData } | undefined = receiveMessageOnPort(port);
    if (received !== undefined) return received.message;
  }
}
