import { z } from 'zod';
import type { Version } from '#history/db.ts';
import type { Item, ItemDefinition, Showing } from '#history/items/items.ts';
import { timeText } from '#projections/folds.ts';
import { parsed } from '#projections/queries.ts';
import { offsetOf, REFS, type RefDocument, unknownRef } from './ref.ts';

const shape = z.object({
  ref: z.string(),
  position: z.string().describe('what it names'),
  recordedAt: z.iso.datetime().nullable().describe('when the event at the position was recorded'),
});

/** Refs are the admin's, though everyone may read by them. */
export const refItems: ItemDefinition = {
  name: 'refs',
  noun: 'a named position',
  collection: REFS,
  path: '/v1/refs/{ref}',
  shape,
  show: showRef,
  owner: () => null,
  count: (refs, account) => (account === null ? refs.count('all', 'all') : 0),
  unknown: unknownRef,
};

export function showRef(version: Version, { position, event }: Showing): Item {
  const document = parsed<RefDocument>(version);
  const offset = offsetOf(document);
  const recordedAt = offset === 0 ? null : timeText(event(offset).recordedAt);
  return { ref: document.ref, position: position(offset), recordedAt };
}
