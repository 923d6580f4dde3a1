/**
 * Who must wait before doing something again: admission, not state, so it is never replayed. In memory the answer is at
 * hand; between members it is a promise.
 */
export interface Cooldowns {
  /**
   * Takes the key for `seconds` from `atMs` (ms since 1970).
   * @returns 0 when it was free and is now taken, else the whole seconds to wait, at least 1.
   * @throws server.busy, engine.unavailable: then nothing is taken
   */
  take(key: string, seconds: number, atMs: number): number | Promise<number>;
  /** Undoes the take at `atMs`, whose purpose certainly failed; any other take of the key stays. */
  giveBack(key: string, atMs: number): void;
  /** What the take at `atMs` was for lies in the log: from now on it is found there. */
  keep(key: string, atMs: number): void;
  /** Learns what was taken before it was there; takes are answered after it. */
  restore(recent: RecentTakes): Promise<void>;
}

/** What the log's last seconds tell of takes. */
export type RecentTakes = {
  /** How long a take matters at most, in ms. */
  windowMs(): number;
  /**
   * Tells takes with when they were made (ms since 1970), some thousands of events at a time: from the window's beginning
   * with `null`, else after the offset that the last call returned.
   */
  tell(
    after: number | null,
    mark: (key: string, atMs: number) => void,
  ): { readonly to: number; readonly more: boolean };
};
