type Waiter = {
  readonly isMet: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/** Callers that wait until something holds, looked at whenever it may have changed. */
export class Waiters {
  #waiting: Waiter[] = [];

  /** Resolves once `isMet` answers true. It may throw why it never will. */
  until(isMet: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ isMet, resolve, reject });
      this.look();
    });
  }

  look(): void {
    this.#waiting = this.#waiting.filter(({ isMet, resolve, reject }) => {
      try {
        if (!isMet()) return true;
        resolve();
      } catch (error) {
        reject(error);
      }
      return false;
    });
  }
}
