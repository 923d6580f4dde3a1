type Waiting = {
  readonly offset: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (isReached: boolean) => void;
};

/** Tells when this member's copy of the log has come to an offset. */
export class HeadWatch {
  readonly #head: () => number;
  readonly #waiting = new Set<Waiting>();

  constructor(head: () => number) {
    this.#head = head;
  }

  /** To be called whenever the log has grown. */
  advance(to: number): void {
    for (const waiting of this.#waiting) {
      if (waiting.offset > to) continue;
      this.#waiting.delete(waiting);
      clearTimeout(waiting.timer);
      waiting.resolve(true);
    }
  }

  /** Resolves with true once the log has the offset, with false after the time. */
  waitFor(offset: number, timeoutMs: number): Promise<boolean> {
    if (this.#head() >= offset) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        resolve(false);
      }, timeoutMs);
      const waiting: Waiting = { offset, timer, resolve };
      this.#waiting.add(waiting);
    });
  }
}
