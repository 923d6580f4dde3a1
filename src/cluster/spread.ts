/** What a member says of itself when partitions are given out. */
export type Candidate = {
  readonly member: string;
  /** Its replica is nearly caught up. */
  readonly isReady: boolean;
  /** What it holds now. */
  readonly held: readonly number[];
};

/**
 * Gives each partition from 0 up to `partitions` to one member, the same for the same candidates in any order. Members keep
 * what they hold, up to an even share; what is left goes to those that are ready, or to all when none is.
 */
export function spread(partitions: number, candidates: readonly Candidate[]): Map<string, number[]> {
  const members = candidates.toSorted((a, b) => (a.member < b.member ? -1 : 1));
  const taken = new Set<number>();
  const given = new Map<string, number[]>(members.map(({ member }) => [member, []]));
  const keep = ({ member, held }: Candidate, most: number) => {
    // Two that say that they hold the same: one of them has not heard yet that it does not.
    const kept = held.filter((one) => one >= 0 && one < partitions && !taken.has(one)).slice(0, most);
    for (const one of kept) taken.add(one);
    given.set(member, kept);
  };

  const isAnyReady = members.some(({ isReady }) => isReady);
  const waiting = members.filter(({ isReady }) => isAnyReady && !isReady);
  for (const one of waiting) keep(one, Math.ceil(partitions / members.length));

  // Where the shares are not all the same, the larger ones are for those that hold more: less moves.
  const takers = members.filter((one) => !waiting.includes(one)).toSorted((a, b) => b.held.length - a.held.length);
  const left = partitions - taken.size;
  const shares = takers.map((one, index) => ({
    one,
    share: Math.floor((left + takers.length - 1 - index) / takers.length),
  }));
  for (const { one, share } of shares) keep(one, share);
  const free = Array.from({ length: partitions }, (_, one) => one).filter((one) => !taken.has(one));
  for (const { one, share } of shares) {
    const own = given.get(one.member) ?? [];
    given.set(
      one.member,
      [...own, ...free.splice(0, share - own.length)].toSorted((a, b) => a - b),
    );
  }
  return given;
}
