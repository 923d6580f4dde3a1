import type { Fingerprint } from '../db.ts';

/** Keys or places that are looked at one by one; where more differ, the position is bisected first. */
export const DIFFERENCES_MAX = 1_000;

/** Two states of a structure at one offset, compared. */
export type Compared<Key> = {
  /** `null` where something cannot be read. */
  readonly live: Fingerprint | null;
  readonly replayed: Fingerprint;
  /** Up to `DIFFERENCES_MAX` and one. */
  readonly different: readonly Key[];
};

/** What first parted the two histories of one key. */
export type Parting = { readonly offset: number; readonly live: string | null; readonly replayed: string | null };

export type Comparison<Key> = {
  /** Compares all that there is at the offset. */
  readonly at: (offset: number) => Promise<Compared<Key>>;
  /** The first offset, at or before the one given, at which the key's two histories part. */
  readonly parting: (key: Key, offset: number) => Parting;
};

/**
 * The first position at which something differs that still does at `to`. Where much differs, positions are bisected: the
 * state at the middle is compared as a whole, until so little differs that each key's two histories can be walked.
 */
export async function firstDifference<Key>(
  { at, parting }: Comparison<Key>,
  to: number,
  compared: Compared<Key>,
): Promise<(Parting & { readonly key: Key }) | null> {
  let [equalAt, differentAt, { different }] = [0, to, compared];
  while (different.length > DIFFERENCES_MAX && differentAt - equalAt > 1) {
    const middle = Math.floor((equalAt + differentAt) / 2);
    const then = await at(middle);
    if (then.different.length === 0) equalAt = middle;
    else [differentAt, different] = [middle, then.different];
  }
  let first: (Parting & { readonly key: Key }) | null = null;
  for (const key of different) {
    const found = parting(key, differentAt);
    if (first === null || found.offset < first.offset) first = { ...found, key };
  }
  return first;
}
