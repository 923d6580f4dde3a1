import { setImmediate } from 'node:timers/promises';
import type { Folding } from './folding.ts';

/** A commit comes when so much time went by, or what waits is large: far behind the log, big ones cost less. */
const COMMIT_INTERVAL_MS = 1_000;

/** Folds up to `offset` on this thread and commits, letting its other work go on in between. `onStep` follows commits. */
export async function foldUpTo(folding: Folding, offset: number, onStep: () => void): Promise<void> {
  let lastCommitMs = performance.now();
  while (folding.offset < offset) {
    folding.step(offset);
    if (!folding.isFull && performance.now() - lastCommitMs < COMMIT_INTERVAL_MS) continue;
    folding.commit();
    onStep();
    await setImmediate();
    lastCommitMs = performance.now();
  }
  folding.commit();
}
