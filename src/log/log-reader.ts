import type { RecordedEvent } from '../events/event.ts';

/**
 * Reads synced events straight from segment files, on any thread, beside the one writer. Checks every group's CRC.
 *
 * @throws log.corrupt, naming the position; what is damaged is never served.
 */
export interface LogReader {
  readonly id: string;
  readonly epoch: number;
  /**
   * Calls `visit` for every event in (after, to], in order, and returns how many bytes were read. The event is a view on
   * memory that is used again: valid during the call only. `to` must be synced.
   */
  visit(after: number, to: number, visit: (event: RecordedEvent) => void): number;
  /** The event at a synced offset, to keep. */
  at(offset: number): RecordedEvent;
  /** SHA-256 in hex of the event's canonical bytes: what a checkpoint remembers the log by. */
  hashAt(offset: number): string;
  /** The last offset whose event was recorded at or before the time (ms since 1970), not past `to`; 0 before the first. */
  offsetAtTime(timeMs: number, to: number): number;
  close(): void;
}
