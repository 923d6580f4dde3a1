import type { Projections } from '#history/db.ts';
import type { Health } from '#http/parts.ts';
import type { LocalLog } from '#log/local-log.ts';
import type { TransparencyLog } from '#log/transparency/transparency-log.ts';
import type { ClockWatch } from '#telemetry/clock-watch.ts';
import { errors, isStrataError, type StrataError } from './errors.ts';

export type StandingParts = {
  readonly clock: ClockWatch;
  readonly log: LocalLog;
  readonly projections: Projections;
  readonly transparency: TransparencyLog;
};

/** How the server stands: why it takes no commands, and why it is not ready. */
export class Standing {
  readonly #parts: StandingParts;
  #starting: StrataError | null = errors.error('server.busy', 'the server is starting', { retryAfterSeconds: 1 });
  #stopping: StrataError | null = null;
  #unfollowed: StrataError | null = null;

  constructor(parts: StandingParts) {
    this.#parts = parts;
  }

  isServing(): void {
    this.#starting = null;
  }

  isStopping(): void {
    this.#stopping = errors.error('server.busy', 'the server is stopping');
  }

  /** Nothing tells the projections of the log any more. */
  isUnfollowed(cause: unknown): void {
    this.#unfollowed = asFault(cause, 'the log is not followed');
  }

  /** Why nothing may be written now, or `null`. */
  fault(): StrataError | null {
    const { clock, log } = this.#parts;
    return this.#starting ?? this.#unfollowed ?? clock.fault() ?? log.fault();
  }

  health(): Health {
    const { projections, transparency } = this.#parts;
    const [fold, tree] = [projections.fault(), transparency.fault()];
    const problems = [
      this.#stopping,
      this.fault(),
      fold === null ? null : asFault(fold, 'the projections have stopped'),
      tree === null ? null : asFault(tree, "the log's tree has stopped"),
    ].filter((problem) => problem !== null);
    return { ready: problems.length === 0, problems };
  }
}

function asFault(cause: unknown, detail: string): StrataError {
  return isStrataError(cause) ? cause : errors.error('server.failed', detail, { cause });
}
