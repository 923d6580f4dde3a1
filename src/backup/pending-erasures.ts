import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bus } from '#handling/bus.ts';
import type { Domain, Principal } from '#handling/domain.ts';
import { isStrataError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { writeSynced } from './durable-file.ts';
import { encodeErasures, erasuresInFile } from './erasures.ts';

const FILE = 'erasures-due';
const SENT_AT_ONCE_MAX = 16;
const SYSTEM: Principal = { role: 'system', account: null, actor: 'system' };

/** Leaves to the next start which subjects are to be erased from a log that may be from before their erasure. */
export async function leaveErasures(dataDir: string, subjects: ReadonlySet<string>): Promise<void> {
  if (subjects.size > 0) await writeSynced(dataDir, FILE, encodeErasures(subjects));
}

/**
 * After a restore, erases once more what was erased since the backup: keys are destroyed already, so nothing can be read;
 * now the log says so, documents go, and blobs with their last reference. Safe to repeat. Returns how many subjects there
 * were.
 *
 * @throws what the bus answers, unless it is that there is nothing to erase.
 */
export async function replayErasures(dataDir: string, bus: Bus, domains: readonly Domain[]): Promise<number> {
  const path = join(dataDir, FILE);
  if (!existsSync(path)) return 0;
  const subjects = await erasuresInFile(path);
  await inParallel(subjects, SENT_AT_ONCE_MAX, async (subject) => {
    const command = domains.map(({ erasure }) => erasure?.(subject) ?? null).find((found) => found !== null);
    if (command === undefined) return;
    const { type, data } = command;
    await bus.handle({ type, data, caller: SYSTEM, idempotencyKey: null, expected: null }).catch((error) => {
      // It was erased within the backup, or had not begun to be: 404 or 410.
      if (!isStrataError(error) || (error.status !== NOT_FOUND && error.status !== GONE)) throw error;
    });
  });
  await rm(path);
  return subjects.size;
}

const NOT_FOUND = 404;
const GONE = 410;
