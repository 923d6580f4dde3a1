import { join } from 'node:path';
import { readIndexStore } from '#log/embedded/index-store.ts';
import type { Findings } from './findings.ts';
import type { StreamEnd } from './log-check.ts';

/** Compares each stream's last event as the log has it with what the index says; the index is complete up to `indexed`. */
export async function checkIndex(
  dir: string,
  indexed: number,
  streams: ReadonlyMap<string, StreamEnd>,
  findings: Findings,
): Promise<void> {
  const store = readIndexStore(join(dir, 'index'));
  if (store === null) return;
  try {
    for (const [stream, { revision, offset }] of streams) {
      if (offset > indexed) continue;
      const found = offsetIn(store, stream, revision);
      if (found === offset) continue;
      const problem = `the stream index has revision ${revision} of ${stream} at ${found ?? 'no position'}`;
      findings.add({ part: 'index', problem, position: offset, file: join(dir, 'index') });
    }
  } finally {
    await store.close();
  }
}

function offsetIn(store: NonNullable<ReturnType<typeof readIndexStore>>, stream: string, revision: number) {
  try {
    const list = store.list(stream, revision);
    return list?.offsets()[revision - list.firstRevision] ?? null;
  } catch {
    // A damaged entry is one that does not name the event.
    return null;
  }
}
