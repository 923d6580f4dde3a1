import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errors } from '../../errors.ts';

export type FolderLock = { release(): void };

/** Folders that this process holds: a POSIX lock does not hold against its own process. */
const held = new Set<string>();

/**
 * Owns the folder until released or the process ends, however it ends: SQLite's exclusive lock is the kernel's, where a
 * file with a process id lies in containers and after a crash.
 *
 * @throws log.locked, saying who has it.
 */
export function lockFolder(dir: string): FolderLock {
  const folder = realpathSync(dir);
  const ownerFile = join(folder, 'owner.json');
  if (held.has(folder)) throw locked(folder, ownerFile);
  const database = new DatabaseSync(join(folder, 'lock'));
  try {
    database.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw locked(folder, ownerFile, cause);
  }
  held.add(folder);
  writeFileSync(ownerFile, JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }));
  return {
    release() {
      database.close();
      held.delete(folder);
    },
  };
}

function locked(folder: string, ownerFile: string, cause?: unknown) {
  let owner = 'an unknown process';
  try {
    const { pid, host, since } = JSON.parse(readFileSync(ownerFile, 'utf8')) as { [name: string]: unknown };
    owner = `process ${pid} on ${host}, since ${since}`;
  } catch {
    // The owner may be writing it at this moment; the lock is what counts.
  }
  return errors.error('log.locked', `${folder} is in use by ${owner}`, { cause });
}
