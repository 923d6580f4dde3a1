/** Operations a second of several rounds of `run`, by the median round; a first round, not counted, warms up. */
export function medianRate(rounds: number, operations: number, run: () => void): number {
  return operations / medianSeconds(rounds, run);
}

/** Seconds that the median round of `run` takes; a first round, not counted, warms up. */
export function medianSeconds(rounds: number, run: () => void): number {
  const seconds: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const startMs = performance.now();
    run();
    if (round > 0) seconds.push((performance.now() - startMs) / 1000);
  }
  return percentile(seconds, 0.5);
}

/** The value that so many of the values, as a part of 1, do not exceed. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
