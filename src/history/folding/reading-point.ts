import type { Snapshot } from '../storage/tree.ts';

/** A position to read at, and the commit to read it from. */
export type ReadingPoint = {
  readonly offset: number;
  readonly snapshot: Snapshot;
  /** The offset that the snapshot was committed at: what is read there may be newer than `offset`. */
  readonly committed: number;
};
