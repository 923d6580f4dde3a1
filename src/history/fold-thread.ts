import { setImmediate } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { LogReader } from '#log/log-reader.ts';
import { assert } from '../assert.ts';
import { type FoldMessage, type FoldThreadData, failedMessage } from './fold-message.ts';
import { FoldProgress } from './fold-progress.ts';
import { Folding } from './folding.ts';
import type { ProjectionDefinition } from './projection.ts';

/** Under load a commit comes this often, unless a reader waits; far behind the log less often, because big ones cost less. */
const COMMIT_INTERVAL_MS = 50;
const CATCH_UP_COMMIT_INTERVAL_MS = 500;
const FAR_BEHIND_EVENTS = 10_000;
/** Folding makes small buffers by the hundred thousand: fewer and larger pieces of memory to cut them from. */
const BUFFER_POOL_BYTES = 1024 * 1024;
const IDLE_WAIT_MS = 60_000;

export type FoldThreadOptions = {
  readonly definitions: readonly ProjectionDefinition[];
  /** Every event type that a domain knows. */
  readonly eventTypes: readonly string[];
  readonly openLog: (logDir: string) => LogReader;
};

/**
 * Runs the fold on its own thread until the main one closes it: all bulk work and the only writer of the trees. The entry
 * file of the thread calls it.
 */
export async function runFoldThread({ definitions, eventTypes, openLog }: FoldThreadOptions): Promise<void> {
  const port = parentPort;
  assert(port !== null, 'the fold runs on a thread of its own');
  const { dir, logDir, progress: memory } = workerData as FoldThreadData;
  const progress = new FoldProgress(memory);
  const send = (message: FoldMessage) => port.postMessage(message);
  Buffer.poolSize = BUFFER_POOL_BYTES;
  let log: LogReader | null = null;
  let folding: Folding | null = null;
  try {
    log = openLog(logDir);
    folding = new Folding({
      dir,
      log,
      definitions,
      eventTypes,
      progress,
      onTile: (structure, board, index, memory) => {
        progress.handTile();
        send({ kind: 'tile', structure, board, index, memory });
      },
      report: (message) => send({ kind: 'report', message }),
    });
    send({ kind: 'opened' });
    await waitUntil(progress, () => progress.isRunning || progress.isClosing);
    await fold(folding, progress, send);
    await folding.close();
  } catch (error) {
    send(failedMessage(error));
    await waitUntil(progress, () => progress.isClosing);
    await folding?.abandon();
  }
  log?.close();
  send({ kind: 'closed' });
}

async function fold(folding: Folding, progress: FoldProgress, send: (message: FoldMessage) => void): Promise<void> {
  let lastCommitMs = 0;
  while (!progress.isClosing) {
    const signal = progress.signal;
    const { synced, wanted } = progress;
    // A reader's position first: what it waits for is not held up by what came after.
    if (folding.offset < synced) folding.step(wanted > folding.offset ? Math.min(wanted, synced) : synced);

    const isFarBehind = synced - folding.offset > FAR_BEHIND_EVENTS;
    const intervalMs = isFarBehind ? CATCH_UP_COMMIT_INTERVAL_MS : COMMIT_INTERVAL_MS;
    const untilCommitMs = lastCommitMs + intervalMs - performance.now();
    const isWanted = wanted > folding.committed && folding.offset >= Math.min(wanted, synced);
    if (folding.offset > folding.committed && (folding.isFull || isWanted || untilCommitMs <= 0)) {
      folding.commit();
      lastCommitMs = performance.now();
      send({ kind: 'committed' });
      // Lets lmdb's and the file system's own callbacks run.
      await setImmediate();
    } else if (folding.offset >= synced) {
      progress.wait(signal, folding.offset > folding.committed ? untilCommitMs : IDLE_WAIT_MS);
    }
  }
}

async function waitUntil(progress: FoldProgress, condition: () => boolean): Promise<void> {
  for (;;) {
    const signal = progress.signal;
    if (condition()) return;
    progress.wait(signal, IDLE_WAIT_MS);
    await setImmediate();
  }
}
