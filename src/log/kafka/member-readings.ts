import type { Membership } from '#cluster/membership.ts';
import type { OwnedBy } from '#log/event-log.ts';
import type { Readings } from '#telemetry/metrics.ts';

export type MemberMeasured = {
  readonly partitions: number;
  readonly membership: Membership;
  readonly ownerOf: (partition: number) => OwnedBy;
  /** Records of the partition that Kafka is known to have, and that are not read. */
  readonly unread: (partition: number) => number;
};

/** How a member stands among the others. */
export function memberReadings({ partitions, membership, ownerOf, unread }: MemberMeasured): Readings {
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  return {
    strata_partitions: () => partitions,
    strata_partitions_owned: () => all.filter((partition) => ownerOf(partition) === 'here').length,
    strata_lease_seconds: () => (membership.leaseUntilMs() - performance.now()) / 1000,
    strata_replica_lag_records: () =>
      all.map((partition) => ({ labels: { partition: String(partition) }, value: unread(partition) })),
  };
}
