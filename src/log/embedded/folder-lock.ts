import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errors } from '../../errors.ts';

const SQLITE_BUSY = 5;
/** Whoever looks whether the folder is locked holds it for a moment. */
const PROBED_MS_MAX = 250;

export type FolderLock = { release(): void };

/**
 * Takes the folder for this process: a lock that the kernel holds for as long as the process lives, and frees however it
 * ends. Node has no call for one; SQLite's exclusive lock on a file of its own is one (`fcntl`, https://sqlite.org/lockingv3.html),
 * and refuses a second opening in the same process too. Only SQLite may open `lock`: closing it otherwise would free the lock.
 *
 * @throws log.locked, saying who has it.
 */
export function lockFolder(dir: string): FolderLock {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const ownerPath = join(dir, 'owner.json');
  const database = new DatabaseSync(join(dir, 'lock'), { timeout: PROBED_MS_MAX });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!(error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY)) throw error;
    throw errors.error('log.locked', `${dir} is in use by ${ownerOf(ownerPath)}`, { retryAfterSeconds: 5 });
  }
  const owner = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  try {
    writeFileSync(ownerPath, `${JSON.stringify(owner)}\n`);
  } catch {
    // It only explains the lock: a log on a full disk is opened for its readers.
  }
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      rmSync(ownerPath, { force: true });
      database.close();
    },
  };
}

/** True while a process owns the folder. Changes nothing there. */
export function isLocked(dir: string): boolean {
  const path = join(dir, 'lock');
  if (!existsSync(path)) return false;
  const database = new DatabaseSync(path, { readOnly: true, timeout: 0 });
  try {
    database.prepare('SELECT count(*) FROM sqlite_master').get();
    return false;
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return true;
    throw error;
  } finally {
    database.close();
  }
}

function ownerOf(path: string): string {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(path, 'utf8')) as { [name: string]: unknown };
    return `process ${pid} on ${host} since ${since}`;
  } catch {
    // The file only explains the lock: it may not be written yet.
    return 'another process';
  }
}
