import type { KeyObject } from 'node:crypto';
import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { createCodec } from '#events/encoding.ts';
import { assert } from '../../assert.ts';
import { isStrataError } from '../../errors.ts';
import { openLogReader } from '../embedded/log-reader.ts';
import { CheckpointSigner } from './checkpoint-signer.ts';
import { SegmentSync } from './segment-sync.ts';
import { StoredTree } from './stored-tree.ts';
import { TreeProgress } from './tree-progress.ts';

/** What the tree's thread is started with. */
export type TreeThreadData = {
  readonly dir: string;
  readonly logDir: string;
  readonly origin: string;
  readonly key: KeyObject;
  /** True where the log answers before its sync: then the segments are synced before a checkpoint is signed. */
  readonly syncsLog: boolean;
  readonly progress: SharedArrayBuffer;
};

/** What it tells the main thread, in order. */
export type TreeMessage =
  | { readonly kind: 'signed'; readonly note: string }
  | { readonly kind: 'report'; readonly message: string }
  | { readonly kind: 'failed'; readonly code: string | null; readonly message: string };

/** Events wait so long for others to come with them. */
const BATCH_MS = 200;
/** Under load a checkpoint is signed this often, unless a reader waits: it costs a few syncs. */
const SIGN_INTERVAL_MS = 1000;
const LEAVES_AT_ONCE = 16_384;
const TRY_AGAIN_MS = 1000;
/** What the disk may say that passes. */
const PASSING = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE']);

const port = parentPort;
assert(port !== null, 'the tree grows on a thread of its own');
const { dir, logDir, origin, key, syncsLog, progress: memory } = workerData as TreeThreadData;
const progress = new TreeProgress(memory);
const send = (message: TreeMessage) => port.postMessage(message);

// On Linux a thread has a priority of its own: requests and folds go first, and the tree takes what they leave.
if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);
try {
  run();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  send({ kind: 'failed', code: isStrataError(error) ? error.code : null, message });
}

function run(): void {
  const log = openLogReader(logDir, createCodec([]));
  const report = (message: string) => send({ kind: 'report', message });
  let reported = '';
  while (!progress.isClosing) {
    let tree: StoredTree | null = null;
    try {
      const signer = new CheckpointSigner(dir, origin, key);
      tree = StoredTree.open({ dir, log, synced: progress.synced, signer, report });
      grow(tree);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && PASSING.has(String(error.code)))) throw error;
      if (error.message !== reported) report(`the tree could not be written, and is tried again: ${error.message}`);
      reported = error.message;
      progress.wait(progress.signal, TRY_AGAIN_MS);
    } finally {
      tree?.close();
    }
  }
  log.close();
}

/** Follows the log until the main thread says to stop; then signs what it has. */
function grow(tree: StoredTree): void {
  const segments = syncsLog ? new SegmentSync(logDir) : null;
  const sign = () => {
    segments?.sync();
    send({ kind: 'signed', note: tree.sign().note });
  };
  let signedAtMs = performance.now();
  if (tree.signed !== null) send({ kind: 'signed', note: tree.signed.note });
  for (;;) {
    const signal = progress.signal;
    const { synced, wanted, isClosing } = progress;
    if (tree.size < synced) tree.grow(Math.min(synced, tree.size + LEAVES_AT_ONCE));
    const isUnsigned = tree.size > (tree.signed?.size ?? -1);
    const isWanted = wanted > (tree.signed?.size ?? -1) && tree.size >= Math.min(wanted, synced);
    const untilSignedMs = signedAtMs + SIGN_INTERVAL_MS - performance.now();
    if (isUnsigned && (untilSignedMs <= 0 || isWanted || isClosing)) {
      sign();
      signedAtMs = performance.now();
    }
    if (isClosing) return;
    if (tree.size < synced) continue;
    if (tree.size > (tree.signed?.size ?? -1)) progress.wait(signal, Math.min(BATCH_MS, Math.max(1, untilSignedMs)));
    else {
      progress.waitIdle(signal, tree.size);
      // More will come with what woke it.
      progress.wait(progress.signal, BATCH_MS);
    }
  }
}
