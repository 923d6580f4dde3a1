import { parentPort, workerData } from 'node:worker_threads';
import { createCodec } from '#events/encoding.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
import { visitLeaves } from '#log/transparency/leaves.ts';
import { TreeBuilder } from '#log/transparency/tree-builder.ts';
import { assert } from '../assert.ts';
import { isStrataError } from '../errors.ts';
import type { TreeAuditData, TreeAuditMessage, TreeAuditResult } from './tree-audit.ts';
import { TreeComparison } from './tree-comparison.ts';

/** The entry of the thread: see `recomputeTree`. */
const LEAVES_AT_ONCE = 65_536;

const port = parentPort;
assert(port !== null, 'an audit hashes the tree on a thread of its own');
const send = (message: TreeAuditMessage) => port.postMessage(message);
try {
  send({ kind: 'result', result: recompute(workerData as TreeAuditData) });
} catch (error) {
  if (!isStrataError(error)) throw error;
  send({ kind: 'failed', message: error.message });
}

function recompute({ logDir, treeDir, to, sizes, stored }: TreeAuditData): TreeAuditResult {
  const log = openLogReader(logDir, createCodec([]));
  const comparison = new TreeComparison(treeDir, stored);
  const builder = new TreeBuilder(comparison.compare);
  const roots: string[] = [];
  const stops = [...sizes, to];
  for (const stop of stops) {
    while (builder.size < stop) {
      const next = Math.min(stop, builder.size + LEAVES_AT_ONCE);
      visitLeaves(log, builder.size, next, (bytes) => builder.add(bytes));
      send({ kind: 'progress', done: builder.size });
    }
    if (roots.length < sizes.length) roots.push(builder.root().toString('hex'));
  }
  builder.flush();
  comparison.close();
  log.close();
  return { roots, different: comparison.different };
}
