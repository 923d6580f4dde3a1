import { errors, type StrataError } from '../errors.ts';

/** A difference beyond this is a jump, not drift or a leap second. */
const JUMP_MS = 10_000;

export type ClockWatchOptions = {
  /** When the log's last event was recorded, ms since 1970; 0 for an empty log. */
  readonly lastRecordedAt: number;
  /** The clock on the wall, ms since 1970. */
  readonly wallMs?: () => number;
  /** A clock that never jumps, in ms from anywhere. */
  readonly monotonicMs?: () => number;
};

/** Watches the clock that events are stamped with: a wrong one would be written for ever. */
export interface ClockWatch {
  /**
   * `log.clock` from a jump on until it is acknowledged, else `null`. Looks at both clocks itself, so that no command is
   * stamped between a jump and its discovery.
   */
  fault(): StrataError | null;
  /** The operator says that the clock is right as it is. */
  acknowledge(): void;
}

export function watchClock(options: ClockWatchOptions): ClockWatch {
  const wallMs = options.wallMs ?? Date.now;
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  let apartMs = wallMs() - monotonicMs();
  let lookedAtMs = -1;
  let fault: StrataError | null = null;

  const behindMs = options.lastRecordedAt - wallMs();
  if (behindMs > JUMP_MS) {
    fault = clockError(`the clock is ${seconds(behindMs)} behind the log's last event`);
  }
  return {
    fault() {
      const nowMs = wallMs();
      // Asked for every command: within one millisecond nothing can have jumped that the next one would not show.
      if (nowMs === lookedAtMs) return fault;
      lookedAtMs = nowMs;
      const nowApartMs = nowMs - monotonicMs();
      const jumpMs = nowApartMs - apartMs;
      // Followed step by step: slow drift is the time service at work.
      apartMs = nowApartMs;
      if (Math.abs(jumpMs) > JUMP_MS) {
        fault = clockError(`the clock jumped ${seconds(Math.abs(jumpMs))} ${jumpMs > 0 ? 'ahead' : 'back'}`);
      }
      return fault;
    },
    acknowledge() {
      apartMs = wallMs() - monotonicMs();
      fault = null;
    },
  };
}

function clockError(what: string): StrataError {
  return errors.error('log.clock', `${what}; writing waits until the operator says that the clock is right`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
