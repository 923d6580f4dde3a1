import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '#blobs/folders.ts';
import { errors } from '../errors.ts';
import { writeSynced } from './durable-file.ts';

const MARKER = 'restore-unfinished';

/** True while a restore into the folder has begun and not ended. */
export function isUnfinishedRestore(dataDir: string): boolean {
  return existsSync(join(dataDir, MARKER));
}

/** @throws restore.unfinished: a server must not take a part of a backup for the whole. */
export function requireFinishedRestore(dataDir: string): void {
  if (!isUnfinishedRestore(dataDir)) return;
  const advice = 'run the same `strata restore` again, which goes on with what is there, or delete the folder';
  throw errors.error('restore.unfinished', `a restore into ${dataDir} was cut short: ${advice}`);
}

/** Durable before anything else is in the folder. */
export function markRestore(dataDir: string): Promise<void> {
  return writeSynced(dataDir, MARKER, Buffer.alloc(0));
}

/** Once everything else is durable. */
export async function unmarkRestore(dataDir: string): Promise<void> {
  await rm(join(dataDir, MARKER));
  await syncFolder(dataDir);
}
