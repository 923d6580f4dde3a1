import { setImmediate } from 'node:timers/promises';
import type { LogReader } from '#log/log-reader.ts';
import { visitLeaves } from '#log/transparency/leaves.ts';
import { TreeBuilder } from '#log/transparency/tree-builder.ts';

/** Leaves hashed between two turns of the event loop: some ms, so that an engine's client keeps its connection. */
const LEAVES_AT_ONCE = 8192;

/** The root of the tree of the first `size` events (RFC 6962), in hex, hashed from their bytes. */
export async function treeRoot(log: LogReader, size: number, onProgress: (done: number) => void): Promise<string> {
  const builder = new TreeBuilder(() => undefined);
  while (builder.size < size) {
    const to = Math.min(size, builder.size + LEAVES_AT_ONCE);
    visitLeaves(log, builder.size, to, (bytes) => builder.add(bytes));
    onProgress(to);
    await setImmediate();
  }
  return builder.root().toString('hex');
}

/** The first offset up to `size` at which the two logs have other bytes; `null` where all are the same. */
export async function firstDifferent(one: LogReader, other: LogReader, size: number): Promise<number | null> {
  for (let offset = 1; offset <= size; offset += 1) {
    if (one.hashAt(offset) !== other.hashAt(offset)) return offset;
    if (offset % LEAVES_AT_ONCE === 0) await setImmediate();
  }
  return null;
}
