import { boardErrors } from '#commands/boards/errors.ts';
import type { BoardCreated } from '#commands/boards/events.ts';
import type { Db } from '#history/db.ts';
import { parsed } from '#projections/queries.ts';

/** The collection of the boards' settings, by name. A document is what the board was created with. */
export const SETTINGS = 'board-settings';

export type Settings = BoardCreated;

/** @throws board.unknown */
export function settingsOf(db: Db, board: string): { readonly settings: Settings; readonly offset: number } {
  const version = db.collection(SETTINGS).get(board);
  if (version === null) throw boardErrors.error('board.unknown', `there is no board "${board}"`);
  return { settings: parsed<Settings>(version), offset: version.offset };
}

/** The longest cooldown of any board: how far back turns that were taken matter. */
export function longestCooldownSeconds(db: Db): number {
  let longest = 0;
  for (const { cooldownSeconds } of allSettings(db)) longest = Math.max(longest, cooldownSeconds);
  return longest;
}

export function* allSettings(db: Db): Iterable<Settings> {
  let cursor: string | null = null;
  do {
    const page = db.collection(SETTINGS).scan({ prefix: '', limit: 1000, ...(cursor !== null && { cursor }) });
    for (const version of page.items) yield parsed<Settings>(version);
    cursor = page.next;
  } while (cursor !== null);
}
