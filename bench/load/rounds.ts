import { type Load, type LoadOutcome, load } from './wrk.ts';

export type Compared = {
  readonly strata: LoadOutcome;
  readonly raw: LoadOutcome;
  /** Of the medians: what Strata reaches of what the raw handler does. */
  readonly ratio: number;
};

type Side = Pick<Load, 'url' | 'settings'>;

/**
 * The same load on both, in turns, so that what else the machine does meets both alike; the median round of each. A first
 * round, not counted, warms both up.
 */
export async function compare(
  what: Pick<Load, 'script' | 'connections' | 'seconds'>,
  strata: Side,
  raw: Side,
  rounds: number,
): Promise<Compared> {
  const outcomes: { strata: LoadOutcome[]; raw: LoadOutcome[] } = { strata: [], raw: [] };
  for (let round = 0; round <= rounds; round += 1) {
    const seconds = round === 0 ? Math.min(what.seconds, 2) : what.seconds;
    const [ours, theirs] = [await load({ ...what, ...strata, seconds }), await load({ ...what, ...raw, seconds })];
    if (round === 0) continue;
    outcomes.strata.push(ours);
    outcomes.raw.push(theirs);
  }
  const [ours, theirs] = [median(outcomes.strata), median(outcomes.raw)];
  return { strata: ours, raw: theirs, ratio: ours.perSecond / theirs.perSecond };
}

function median(outcomes: readonly LoadOutcome[]): LoadOutcome {
  const sorted = outcomes.toSorted((a, b) => a.perSecond - b.perSecond);
  return sorted[Math.floor(sorted.length / 2)]!;
}
