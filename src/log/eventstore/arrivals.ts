import type { RecordedWrite } from '#log/event-log.ts';

/** A write that someone waits for, by the id of its first event. */
export type Arrival = { readonly write: Promise<RecordedWrite>; isThere: boolean };

type Waiting = { readonly isMet: () => boolean; readonly resolve: (isMet: boolean) => void };

/** Who waits for what comes into the replica. */
export class Arrivals {
  readonly #expected = new Map<string, (write: RecordedWrite) => void>();
  readonly #waiting = new Set<Waiting>();

  /** Tells of the write whose first event has this id, if it comes from now on. Forget it afterwards. */
  expect(id: string): Arrival {
    const { promise, resolve } = Promise.withResolvers<RecordedWrite>();
    const arrival = { write: promise, isThere: false };
    this.#expected.set(id, (write) => {
      arrival.isThere = true;
      resolve(write);
    });
    return arrival;
  }

  forget(id: string): void {
    this.#expected.delete(id);
  }

  arrived(write: RecordedWrite): void {
    this.#expected.get(write[0]!.id)?.(write);
  }

  /** Resolves when it is met, as `wake` finds; false when the time is over before, or it never will be. */
  until(isMet: () => boolean, timeMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        isMet,
        resolve: (met) => {
          clearTimeout(timer);
          this.#waiting.delete(waiting);
          resolve(met);
        },
      };
      const timer = setTimeout(() => waiting.resolve(false), timeMs);
      this.#waiting.add(waiting);
    });
  }

  /** More can be read; `isOver` when nothing more will come. */
  wake(isOver: boolean): void {
    for (const waiting of [...this.#waiting]) {
      if (waiting.isMet()) waiting.resolve(true);
      else if (isOver) waiting.resolve(false);
    }
  }
}
