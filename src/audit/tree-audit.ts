import { Worker } from 'node:worker_threads';
import { errors } from '../errors.ts';

/** What the thread is given. */
export type TreeAuditData = {
  readonly logDir: string;
  readonly treeDir: string;
  /** The offset to read up to. */
  readonly to: number;
  /** The sizes to tell the roots of, ascending; none above `to`. */
  readonly sizes: readonly number[];
  /** How many events the tree's files are compared for. */
  readonly stored: number;
};

export type TreeAuditResult = {
  /** The roots of `sizes`, in hex, as the log's events give them. */
  readonly roots: readonly string[];
  /** The first hash in the tree's files that is another one than the events give: level, and which. */
  readonly different: { readonly level: number; readonly index: number } | null;
};

export type TreeAuditMessage =
  | { readonly kind: 'progress'; readonly done: number }
  | { readonly kind: 'result'; readonly result: TreeAuditResult }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * Hashes all events of the log again, on a thread of its own.
 * @throws log.corrupt where they cannot be read.
 */
export function recomputeTree(data: TreeAuditData, onProgress: (done: number) => void): Promise<TreeAuditResult> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./tree-audit-thread.ts', import.meta.url), { workerData: data });
    thread.on('error', reject);
    thread.on('message', (message: TreeAuditMessage) => {
      if (message.kind === 'progress') onProgress(message.done);
      else if (message.kind === 'result') resolve(message.result);
      else reject(errors.error('log.corrupt', message.message));
    });
    thread.on('exit', () => reject(new Error('the thread that hashes the tree has ended')));
  });
}
