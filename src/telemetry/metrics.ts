import type { Metric, Registry } from 'prom-client';
import { assert } from '../assert.ts';
import { DURATION_BOUNDS_SECONDS, type Durations } from './durations.ts';
import type { LogFields } from './log.ts';
import { METRICS, type MetricName } from './metric-table.ts';

export type Labels = { readonly [label: string]: string };

/** One value of a metric, or how long things took, for one set of labels. */
export type Sample = { readonly labels?: Labels; readonly value: number | Durations };

/** Reads a metric when it is asked for. A number is its only value. */
export type Reading = () => number | Iterable<Sample> | Promise<Iterable<Sample>>;
export type Readings = { readonly [name in MetricName]?: Reading };

/** What prom-client asks of a metric; its own classes keep values that would have to be copied on every scrape. */
type Collected = {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly { readonly metricName: string; readonly labels: Labels; readonly value: number }[];
};

/**
 * All metrics of one server. Those who count keep plain numbers and say here how they are read; nothing is done until
 * somebody asks.
 */
export class Metrics {
  static readonly mediaType = 'text/plain; version=0.0.4; charset=utf-8';

  readonly #readings = new Map<MetricName, Reading>();
  readonly #report: (message: string, fields: LogFields) => void;
  #registry: Promise<Registry> | null = null;

  /** `report` is told of what cannot be read: that metric is left out, because the others say what is wrong. */
  constructor(report: (message: string, fields: LogFields) => void = () => undefined) {
    this.#report = report;
  }

  /** Each metric is read by one only. */
  add(readings: Readings): void {
    this.#registry = null;
    for (const [name, reading] of Object.entries(readings)) {
      // Object.entries forgets the type of the keys.
      const metric = name as MetricName;
      assert(!this.#readings.has(metric), `${metric} is read by one only`);
      this.#readings.set(metric, reading);
    }
  }

  /** All values as Prometheus' text format has them (version 0.0.4), the process's own among them. */
  async text(): Promise<string> {
    this.#registry ??= this.#register();
    const registries = await Promise.all([this.#registry, processRegistry()]);
    const texts = await Promise.all(registries.map((registry) => registry.metrics()));
    return texts.join('\n');
  }

  async #register(): Promise<Registry> {
    const { Registry } = await import('prom-client');
    const own = new Registry();
    for (const [name, reading] of this.#readings) {
      const metric = { name, get: () => this.#collect(name, reading) };
      // Its declared type is a union of its own classes; what the registry uses of them is the name and `get`.
      own.registerMetric(metric as unknown as Metric<string>);
    }
    return own;
  }

  async #collect(name: MetricName, reading: Reading): Promise<Collected> {
    const { help, type } = METRICS[name];
    try {
      const read = await reading();
      const samples: Iterable<Sample> = typeof read === 'number' ? [{ value: read }] : read;
      return { name, help, type, values: [...samples].flatMap((sample) => valuesOf(name, sample)) };
    } catch (error) {
      this.#report('a metric could not be read', { metric: name, error });
      return { name, help, type, values: [] };
    }
  }
}

let ofProcess: Promise<Registry> | null = null;

/** CPU, memory, event loop and garbage collection belong to the process: watched once, from the first time it is asked for. */
function processRegistry(): Promise<Registry> {
  ofProcess ??= import('prom-client').then(({ Registry, collectDefaultMetrics }) => {
    const register = new Registry();
    collectDefaultMetrics({ register });
    return register;
  });
  return ofProcess;
}

function valuesOf(name: MetricName, { labels = {}, value }: Sample): Collected['values'] {
  if (typeof value === 'number') return [{ metricName: name, labels, value }];
  let count = 0;
  const buckets = [...value.counts].map((own, bucket) => {
    count += own;
    const le = String(DURATION_BOUNDS_SECONDS[bucket] ?? '+Inf');
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: value.sumSeconds },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
