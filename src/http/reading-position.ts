import { type AsOf, offsetInEpoch, resolveAsOf } from '#history/as-of.ts';
import type { Projections } from '#history/db.ts';
import type { EventLog } from '#log/event-log.ts';
import { refOffset } from '#projections/refs/ref.ts';

/** How long a read waits for a projection. */
const WAIT_MS_MAX = 5_000;

export type ReadingParts = { readonly log: EventLog; readonly projections: Projections };

/**
 * Finds what `asOf` means now, and waits until the projections have folded it.
 * @throws as `resolveAsOf`, and history.not-yet after 5 s
 */
export async function reachAsOf(text: string, { log, projections }: ReadingParts): Promise<AsOf> {
  const asOf = await resolveAsOf(text, { log, refOffset: (ref) => refOffset(projections.db(), ref) }, Date.now());
  await waitForOffset(asOf.offset, projections);
  return asOf;
}

/**
 * Waits until the projections have folded the position of `Strata-Min-Position`.
 * @throws position.malformed, position.other-epoch, history.not-yet after 5 s
 */
export async function waitForPosition(token: string, log: EventLog, projections: Projections): Promise<void> {
  await projections.waitFor(offsetInEpoch(token, log), WAIT_MS_MAX);
}

/** @throws history.not-yet after 5 s */
export function waitForOffset(offset: number, projections: Projections): Promise<void> | null {
  return projections.checkpoint() >= offset ? null : projections.waitFor(offset, WAIT_MS_MAX);
}
