import { rename, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from './disk-errors.ts';
import type { Folders } from './folders.ts';
import { blobPath } from './layout.ts';
import type { SpooledFile } from './spool.ts';

/** Moves a file to its hash's place in `dir`: synced, renamed, and its folder synced. */
export async function keepOnDisk(dir: string, folders: Folders, file: SpooledFile): Promise<void> {
  const target = blobPath(dir, file.sha256);
  const folder = dirname(target);
  if (!(await isKept(target, file.bytes))) {
    await file.handle.datasync();
    await folders.make(folder);
    await rename(file.path, target);
  }
  await folders.sync(folder);
}

/** The same bytes under the same name: only touched, so that a collector of orphans takes it for new. */
async function isKept(target: string, bytes: number): Promise<boolean> {
  try {
    if ((await stat(target)).size !== bytes) return false;
    const now = new Date();
    await utimes(target, now, now);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
