import type { Db } from '../db.ts';
import { OverlayDb } from '../overlay/db.ts';
import type { Showing } from './items.ts';

/** A db and how to show what is read of it. */
export type Shown = {
  readonly db: Db;
  readonly showing: Showing;
  /** What of it is in the log: the db's own offset, without what is supposed on top. */
  readonly logged: number;
};

/** Whether offsets of the one mean the same in the other. */
export function isBelow(from: Shown, { db }: Shown): boolean {
  if (from.db.offset === from.logged) return true;
  for (let at = db; ; at = at.base) {
    if (at === from.db) return true;
    if (!(at instanceof OverlayDb)) return false;
  }
}
