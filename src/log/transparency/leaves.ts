import type { EventView } from '#events/event-view.ts';
import type { LogReader } from '../log-reader.ts';

/**
 * Calls `visit` with the canonical bytes of every event in (after, to], in order: the tree's leaves. The bytes are on
 * memory that is used again.
 */
export function visitLeaves(
  log: LogReader,
  after: number,
  to: number,
  visit: (bytes: Buffer, offset: number) => void,
): void {
  // Readers of segments visit with views.
  log.visit(after, to, (event) => visit((event as EventView).bytes, event.offset));
}
