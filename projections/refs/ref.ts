import { refErrors } from '#commands/refs/errors.ts';
import { parsePosition } from '#events/position.ts';
import type { Db } from '#history/db.ts';
import { parsed } from '#projections/queries.ts';
import { assert } from '#src/assert.ts';

/** The collection of refs, by name. */
export const REFS = 'refs';

export type RefDocument = {
  /** As it was set, in the epoch of then. */
  readonly position: string;
  readonly ref: string;
};

/** The offset that a ref names. @throws ref.unknown */
export function refOffset(db: Db, ref: string): number {
  const version = db.collection(REFS).get(ref);
  if (version === null) throw unknownRef(ref);
  return offsetOf(parsed<RefDocument>(version));
}

/** Events before the ref's own stand in every later epoch of the log, so its offset does too. */
export function offsetOf({ position }: RefDocument): number {
  const { offsets } = parsePosition(position);
  assert(offsets.length === 1, 'the log has one partition');
  return offsets[0]!;
}

export function unknownRef(ref: string) {
  return refErrors.error('ref.unknown', `there is no ref "${ref.slice(0, 80)}"`);
}
