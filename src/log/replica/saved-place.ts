import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { LogId } from '#log/event-log.ts';
import { errors } from '../../errors.ts';

/** Up to where an engine was read when the replica's head was `offset`. */
export type SavedPlace<State> = {
  readonly id: LogId;
  readonly epoch: number;
  /** What was read: places in another topic mean nothing in this one. */
  readonly source: string;
  readonly offset: number;
  /** The id of the event at `offset`, by which the log is known again; empty for offset 0. */
  readonly eventId: string;
  readonly state: State;
};

/**
 * The place that was saved in the folder; `null` where there is none: the engine is read from its beginning.
 * @throws log.other-engine for one that cannot be read
 */
export function readSavedPlace<State>(dir: string, state: z.ZodType<State>): SavedPlace<State> | null {
  const schema = z.object({
    id: z.string(),
    epoch: z.int(),
    source: z.string(),
    offset: z.int(),
    eventId: z.string(),
    state,
  });
  const path = placePath(dir);
  if (!existsSync(path)) return null;
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw errors.error('log.other-engine', `${path} cannot be read`, { cause });
  }
}

/** Replaces the saved place, whole; `null` makes the replica useless. Not synced: a place past the segments is not taken. */
export async function writeSavedPlace(dir: string, place: SavedPlace<unknown> | null): Promise<void> {
  const path = placePath(dir);
  await writeFile(`${path}.tmp`, JSON.stringify(place));
  await rename(`${path}.tmp`, path);
}

function placePath(dir: string): string {
  return join(dir, 'place.json');
}
