import type { Fingerprint } from '../db.ts';

/** Where a structure first differs from what the log says. */
export type Difference = {
  /** The offset of the event at which they part. */
  readonly offset: number;
  readonly eventType: string;
  /** The document's key, or the place as `board/x/y`. */
  readonly key: string;
  /** What is there and what the log says, shortened: `null` where nothing is. */
  readonly live: string | null;
  readonly replayed: string | null;
};

export type StructureReplay = {
  readonly name: string;
  readonly kind: 'collection' | 'raster';
  /** Computed from what is read at the position, not from what was noted. `null` where it cannot be read. */
  readonly live: Fingerprint | null;
  readonly replayed: Fingerprint;
  readonly equal: boolean;
  /** How many documents or places differ; counted up to a bound. */
  readonly different: number;
  readonly first: Difference | null;
  /**
   * Between which positions folding went another way, by the fingerprints that the live fold kept; `null` where they
   * agree: then bytes have changed since.
   */
  readonly foldedApart: { readonly after: number; readonly to: number } | null;
};

export type ProjectionReplay = {
  readonly name: string;
  readonly version: number;
  readonly generation: number;
  readonly equal: boolean;
  readonly structures: readonly StructureReplay[];
};

/** What a replay found. Positions are offsets. */
export type ReplayReport = {
  readonly offset: number;
  readonly equal: boolean;
  readonly projections: readonly ProjectionReplay[];
  /** Projections that the data folder has not got by this version. */
  readonly missing: readonly string[];
  readonly events: number;
  readonly seconds: number;
};

/** How far a replay is: of events while it folds, of structures while it compares. */
export type ReplayProgress = {
  readonly phase: 'folding' | 'comparing';
  readonly done: number;
  readonly total: number;
  readonly seconds: number;
};
