/** Upper bounds of the buckets, in seconds, included; what took longer than the last is in one bucket more. */
export const DURATION_BOUNDS_SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

/** How long things took, in fixed buckets: plain numbers, so that counting costs next to nothing. */
export class Durations {
  /** One a bucket: each holds those of its own range only. */
  readonly counts = new Float64Array(DURATION_BOUNDS_SECONDS.length + 1);
  sumSeconds = 0;

  observe(ms: number): void {
    const seconds = ms / 1000;
    let bucket = 0;
    while (bucket < DURATION_BOUNDS_SECONDS.length && seconds > DURATION_BOUNDS_SECONDS[bucket]!) bucket += 1;
    this.counts[bucket]! += 1;
    this.sumSeconds += seconds;
  }
}
