/**
 * Who must wait before doing something again: admission, not state, so it is never replayed. In memory the answer is at
 * hand; between nodes it is a promise (`Cooldowns<Promise<number>>`).
 */
export interface Cooldowns<Answer extends number | Promise<number> = number> {
  /**
   * Takes the key for `seconds` from `nowMs` (ms since 1970).
   * @returns 0 when it was free and is now taken, else the whole seconds to wait, at least 1.
   */
  take(key: string, seconds: number, nowMs: number): Answer;
  /** Undoes a `take` whose purpose certainly failed. */
  giveBack(key: string): void;
  /** Remembers that the key was taken at `atMs` (ms since 1970), as the log's last seconds tell after a start. */
  mark(key: string, atMs: number): void;
}
