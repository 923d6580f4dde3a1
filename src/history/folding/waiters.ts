import { errors } from '../../errors.ts';

type Waiter = {
  readonly offset: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
};

/** Those who wait until an offset is folded. */
export class Waiters {
  readonly #waiters = new Set<Waiter>();

  /** @throws history.not-yet after `timeoutMs`; `why` tells what holds the fold up. */
  wait(offset: number, timeoutMs: number, why: () => Error | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(notYet(offset, why()));
      }, timeoutMs);
      const waiter: Waiter = { offset, timer, resolve, reject };
      this.#waiters.add(waiter);
    });
  }

  folded(offset: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.offset > offset) continue;
      this.#waiters.delete(waiter);
      clearTimeout(waiter.timer);
      waiter.resolve();
    }
  }

  failed(error: Error): void {
    for (const { offset, timer, reject } of this.#waiters) {
      clearTimeout(timer);
      reject(notYet(offset, error));
    }
    this.#waiters.clear();
  }
}

export function notYet(offset: number, cause: Error | null): Error {
  const why = cause === null ? '' : `: ${cause.message}`;
  return errors.error('history.not-yet', `position ${offset} is not folded yet${why}`, { cause, retryAfterSeconds: 1 });
}
