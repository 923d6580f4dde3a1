const SAMPLES_MAX = 256;
const SAMPLE_INTERVAL_MS = 10;

/** For how long the oldest synced event that is not folded has waited. Exact to some 10 ms. */
export class Lag {
  readonly #nowMs: () => number;
  /** Offsets that the log came to, and when. */
  #samples: { offset: number; atMs: number }[] = [];

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  synced(offset: number): void {
    const atMs = this.#nowMs();
    const last = this.#samples.at(-1);
    const isNear = last !== undefined && atMs - last.atMs < SAMPLE_INTERVAL_MS;
    if (last !== undefined && this.#samples.length > 1 && (isNear || this.#samples.length >= SAMPLES_MAX)) {
      last.offset = offset;
    } else {
      this.#samples.push({ offset, atMs });
    }
  }

  folded(offset: number): void {
    const waiting = this.#samples.findIndex((sample) => sample.offset > offset);
    this.#samples = waiting === -1 ? [] : this.#samples.slice(waiting);
  }

  ms(): number {
    const oldest = this.#samples[0];
    return oldest === undefined ? 0 : this.#nowMs() - oldest.atMs;
  }
}
