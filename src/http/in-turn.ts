import { errors } from '../errors.ts';

/** Runs what takes much memory a few at once; the others wait in line, which has an end. */
export class InTurn {
  readonly #atOnce: number;
  readonly #waitingMax: number;
  readonly #line: (() => void)[] = [];
  #running = 0;

  constructor({ atOnce, waitingMax }: { readonly atOnce: number; readonly waitingMax: number }) {
    this.#atOnce = atOnce;
    this.#waitingMax = waitingMax;
  }

  /** @throws server.busy when the line is full, else as `work` */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#atOnce) await this.#turn();
    else this.#running += 1;
    try {
      return await work();
    } finally {
      const next = this.#line.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /** Whoever ends hands its place on, so that nobody comes in between. */
  #turn(): Promise<void> {
    if (this.#line.length >= this.#waitingMax) {
      throw errors.error('server.busy', 'too many requests wait for their turn', { retryAfterSeconds: 1 });
    }
    return new Promise((resolve) => this.#line.push(resolve));
  }
}
