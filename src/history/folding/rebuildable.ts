import type { Db, Fingerprint, Projections } from '../db.ts';
import type { RebuildStatus } from './rebuild.ts';

/** Which copy of a projection the log says shall serve. */
export type Promotion = { readonly version: number; readonly generation: number };

/** The last promotion of a projection, as of the db; `null` where there was none. */
export type PromotionOf = (db: Db, projection: string) => Promotion | null;

/** How one projection stands. Positions are offsets. */
export type ProjectionStatus = {
  readonly name: string;
  readonly version: number;
  readonly generation: number;
  readonly offset: number;
  readonly collections: { readonly [name: string]: Fingerprint };
  readonly rasters: readonly string[];
  readonly rebuild: RebuildStatus | null;
};

/** Projections whose copies can be folded anew beside those that serve. */
export interface RebuildableProjections extends Projections {
  /** How often a copy has taken over since the start. */
  readonly takeOvers: number;
  /** Which copy of the projection's version serves, from 1 on. @throws projection.unknown */
  generationOf(projection: string): number;
  /** How the projections stand. */
  statuses(): readonly ProjectionStatus[];
  /** @throws projection.unknown */
  status(projection: string): ProjectionStatus;
  /**
   * Begins to fold another copy from the log alone, where none is under way. It goes on after a restart, catches up, and
   * takes over when its promotion is folded.
   * @throws projection.unknown
   */
  rebuild(projection: string): void;
  /** Resolves once the copy serves; false when that takes longer than `timeoutMs`. @throws projection.unknown */
  takenOver(projection: string, generation: number, timeoutMs: number): Promise<boolean>;
}
