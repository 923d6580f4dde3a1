import type { RecordedEvent } from '#events/event.ts';
import type { Admission, Domain } from '#handling/domain.ts';
import type { Db } from '#history/db.ts';
import { longestCooldownSeconds } from '#projections/boards/settings.ts';
import { boardErrors } from './errors.ts';

/** One turn on a board, taken by whoever acts: the admin too. */
export function cooldownOf(board: string, actor: string, seconds: number): Admission {
  return {
    key: keyOf(board, actor),
    seconds,
    refusal: (retryAfterSeconds) =>
      boardErrors.error('board.cooldown', `the next pixel on "${board}" may be placed in ${retryAfterSeconds} s`, {
        retryAfterSeconds,
      }),
  };
}

/** How the turns that were taken in the log's last seconds are found again. */
export const cooldownAdmissions: NonNullable<Domain['admissions']> = {
  windowSeconds: (db: Db) => longestCooldownSeconds(db),
  keyOf: ({ type, data, actor }: RecordedEvent) => (type === 'PixelPlaced' ? keyOf(String(data.board), actor) : null),
};

function keyOf(board: string, actor: string): string {
  return `board/${board}/${actor}`;
}
