import { setTimeout as delay } from 'node:timers/promises';
import { errors } from '../../errors.ts';
import { fatalError } from './connection.ts';

const FIRST_PAUSE_MS = 20;
const PAUSE_MS_MAX = 2000;

/** How long to wait before the next try, after so many failed ones: twice as long each time, up to 2 s, and never all at once. */
export function pauseMs(failures: number): number {
  return Math.min(PAUSE_MS_MAX, FIRST_PAUSE_MS * 2 ** failures) * (0.5 + Math.random() / 2);
}

/**
 * Tries until it succeeds. Only for what may be done twice.
 * @throws engine.unavailable when the time is over; at once, what another try makes no better
 */
export async function untilAnswered<Result>(timeMs: number, action: () => Promise<Result>): Promise<Result> {
  const until = performance.now() + timeMs;
  for (let failures = 0; ; failures += 1) {
    try {
      return await action();
    } catch (cause) {
      const fatal = fatalError(cause);
      if (fatal !== null) throw fatal;
      if (performance.now() >= until) throw unavailable(cause);
    }
    await delay(pauseMs(failures));
  }
}

export function unavailable(cause: unknown) {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return errors.error('engine.unavailable', `EventStoreDB does not answer${why}`, { cause, retryAfterSeconds: 1 });
}
