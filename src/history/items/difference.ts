import type { ChangeCounts, Db } from '../db.ts';
import type { Showing } from './items.ts';

export type DifferencePage = { readonly items: readonly object[]; readonly next: string | null };

/** What differs between an earlier position (excluded) and a db's, in whatever a diff is asked `in`. */
export interface Difference {
  /** There for everyone, and cached for ever between two positions. */
  readonly isPublic: boolean;
  /** `limit` is 1-1,000. A page may hold fewer and still have a next one. */
  page(query: { readonly limit: number; readonly cursor?: string }): Promise<DifferencePage>;
  /** How many items all pages hold. */
  counts(): Promise<ChangeCounts>;
  /** A PNG of it, where there is one. */
  picture?(): Promise<Uint8Array>;
}

/** How a diff is asked for `in` something that is no collection of items: `boards/{board}`. */
export type DifferenceDefinition = {
  /** Before the slash: `boards`. */
  readonly name: string;
  /** `key` stands after the slash. `from` is an offset at or before the db's. @throws the domain's own 404 */
  readonly between: (key: string, from: number, db: Db, showing: Showing) => Difference;
};
