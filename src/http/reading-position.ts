import { type AsOf, offsetInEpoch, resolveAsOf } from '#history/as-of.ts';
import type { Projections } from '#history/db.ts';
import type { EventLog } from '#log/event-log.ts';
import { refOffset } from '#projections/refs/ref.ts';
import { isStrataError } from '../errors.ts';
import type { HttpRequest } from './uws.ts';

const POSITION = /^(?:e\d+\.)?\d+$/;
/** How long a read waits for a projection. */
const WAIT_MS_MAX = 5_000;

export type ReadingParts = { readonly log: EventLog; readonly projections: Projections };

/**
 * Finds what `asOf` means now, and waits until the projections have folded it.
 * @throws as `resolveAsOf`, and history.not-yet after 5 s
 */
export async function reachAsOf(text: string, { log, projections }: ReadingParts): Promise<AsOf> {
  if (log.isShared === true) await reachHead(text, log, projections);
  const asOf = await resolveAsOf(text, { log, refOffset: (ref) => refOffset(projections.db(), ref) }, Date.now());
  await waitForOffset(asOf.offset, projections);
  return asOf;
}

/** A position that another member told may be on its way here: it is not in the future before that was waited for. */
async function reachHead(text: string, log: EventLog, projections: Projections): Promise<void> {
  const offset = POSITION.test(text) ? offsetInEpoch(text, log) : 0;
  if (offset <= log.head().offsets[0]!) return;
  await projections.waitFor(offset, WAIT_MS_MAX).catch((error: unknown) => {
    // Then it is one that nobody has.
    if (!isStrataError(error, 'history.not-yet')) throw error;
  });
}

/**
 * The offset that `Strata-Min-Position` names for a command, or nothing where the header is not there.
 * @throws position.malformed, position.other-epoch
 */
export function minimumOffset(req: HttpRequest, log: EventLog): { readonly after: number } | null {
  const token = req.getHeader('strata-min-position');
  return token === '' ? null : { after: offsetInEpoch(token, log) };
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
