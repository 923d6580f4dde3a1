/**
 * Which partitions this member may own, as the members agree: a claim that holds only as long as its lease, by the
 * monotonic clock. The log itself decides what counts (`PartitionOwned`); a membership only keeps members from fighting.
 */
export interface Membership {
  /** This process among the members: 32 lower-case hex digits, new at every start. */
  readonly member: string;
  /** The partitions that are assigned to this member now. */
  assigned(): ReadonlySet<number>;
  /** Calls back whenever `assigned` changes; at most one listener. A partition that is not in the new set is to be let go at once. */
  onChange(listener: () => void): void;
  /** Until when the claim holds if no further heartbeat succeeds: on the clock of `performance.now()`, in ms. */
  leaseUntilMs(): number;
  /** A member that is ready (its replica is nearly caught up) is given partitions; one that is not keeps what it has. */
  setReady(isReady: boolean): void;
  /** Leaves, so that others take over at once. */
  close(): Promise<void>;
}
