import type { Appended, NotAppended } from '#log/event-log.ts';
import { Durations } from '#telemetry/durations.ts';
import type { Readings } from '#telemetry/metrics.ts';

/** What became of the batches that were handed to the log. */
export class AppendCounts {
  readonly #durations = new Durations();
  #appended = 0;
  #refused = 0;

  settled(results: readonly (Appended | NotAppended)[], ms: number): void {
    this.#durations.observe(ms);
    for (const { ok } of results) {
      if (ok) this.#appended += 1;
      else this.#refused += 1;
    }
  }

  readonly readings: Readings = {
    strata_log_append_duration_seconds: () => [{ value: this.#durations }],
    strata_log_writes_total: () => [
      { labels: { outcome: 'appended' }, value: this.#appended },
      { labels: { outcome: 'refused' }, value: this.#refused },
    ],
  };
}
