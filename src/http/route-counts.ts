import { Durations } from '#telemetry/durations.ts';
import type { Readings, Sample } from '#telemetry/metrics.ts';

/** The classes of status; the first is for clients that left before the answer began. */
const CLASSES = ['gone', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** The answers of one route to one method: plain numbers, counted for every request. */
export class RouteCounts {
  readonly method: string;
  readonly route: string;
  readonly byClass = new Float64Array(CLASSES.length);
  readonly durations = new Durations();

  constructor(method: string, route: string) {
    this.method = method;
    this.route = route;
  }

  /** `status` is 0 where the client left before. */
  answered(status: number, ms: number): void {
    this.byClass[Math.trunc(status / 100)]! += 1;
    if (status !== 0) this.durations.observe(ms);
  }
}

/** Routes that nobody has asked for are left out. */
export function routeReadings(routes: readonly RouteCounts[], underWay: () => number): Readings {
  return {
    strata_http_requests_total: () => routes.flatMap(requests),
    strata_http_request_duration_seconds: () => routes.filter(isAsked).map(durations),
    strata_http_requests_in_flight: underWay,
  };
}

function requests({ method, route, byClass }: RouteCounts): Sample[] {
  const samples = CLASSES.map((status, at) => ({ labels: { method, route, status }, value: byClass[at]! }));
  return samples.filter(({ value }) => value > 0);
}

function durations({ method, route, durations: value }: RouteCounts): Sample {
  return { labels: { method, route }, value };
}

function isAsked({ byClass }: RouteCounts): boolean {
  return byClass.some((count) => count > 0);
}
