import type { Projections } from '#history/db.ts';
import type { LocalLog } from '#log/local-log.ts';
import type { Logger } from '#telemetry/log.ts';
import { isStrataError } from './errors.ts';

/** How often a long catching up is reported. */
const CATCH_UP_REPORTED_MS = 2000;

/** Tells those that follow the log of every batch that it has synced, until it closes. */
export async function advanceWithTheLog(
  log: LocalLog,
  followers: readonly { advance(to: number): void }[],
): Promise<void> {
  for (const follower of followers) follower.advance(log.headOffset());
  for await (const { to } of log.subscribe(log.head())) for (const follower of followers) follower.advance(to);
}

/** Waits until the projections have reached the head found at start, telling how far they are. */
export async function caughtUp(projections: Projections, head: number, logger: Logger): Promise<void> {
  for (;;) {
    try {
      await projections.waitFor(head, CATCH_UP_REPORTED_MS);
      return;
    } catch (error) {
      const fault = projections.fault();
      // A full disk may have room again: what was folded is served, and `/readyz` says what is missing.
      const isOver = fault !== null && !isStrataError(fault, 'history.cannot-write');
      if (!isStrataError(error, 'history.not-yet') || isOver) throw error;
      logger.info('projections are catching up', { checkpoint: projections.checkpoint(), head });
    }
  }
}
