import { closeSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errors } from '../../errors.ts';

const MARK = 'moved.json';

/** Where the log of a folder went on. */
export type Moved = {
  /** The engine's URL, without what it takes to sign in. */
  readonly to: string;
  /** The log's last position here. */
  readonly position: string;
  /** RFC 3339. */
  readonly movedAt: string;
};

/** Notes that the log goes on elsewhere: the folder can be read, and is opened for writing no more. Durable when it returns. */
export function markMoved(dir: string, moved: Moved): void {
  writeFileSync(join(dir, MARK), `${JSON.stringify(moved)}\n`, { flush: true });
  const folder = openSync(dir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** @throws log.moved: what is written here from now on would be in no other copy. */
export function requireNotMoved(dir: string): void {
  let text: string;
  try {
    text = readFileSync(join(dir, MARK), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  const { to, position, movedAt } = JSON.parse(text) as Moved;
  const advice = `start the server with STRATA_LOG_URL set to it, or delete ${join(dir, MARK)} to go on here`;
  throw errors.error(
    'log.moved',
    `the log in ${dir} went on at ${to} from position ${position} on, ${movedAt}: ${advice}`,
  );
}
