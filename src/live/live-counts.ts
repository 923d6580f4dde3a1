import type { Readings } from '#telemetry/metrics.ts';

/** What the live hub did, for all clients together. */
export class LiveCounts {
  /** Events and frames published: each goes out once, however many listen. */
  events = 0;
  frames = 0;
  /** Messages to one client: answers, and what it had missed. */
  direct = 0;
  dropped = 0;
  subscriptions = 0;

  /** `connections` tells how many clients there are now. */
  readings(connections: () => number): Readings {
    return {
      strata_live_connections: connections,
      strata_live_subscriptions: () => this.subscriptions,
      strata_live_messages_total: () => [
        { labels: { kind: 'event' }, value: this.events },
        { labels: { kind: 'frame' }, value: this.frames },
        { labels: { kind: 'direct' }, value: this.direct },
      ],
      strata_live_dropped_total: () => this.dropped,
    };
  }
}
