import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSha256 } from './layout.ts';

/** Which blobs were deleted on purpose, a line each: what a backup may forget, where anything else that is gone is a loss. */
export function collectedPath(dataDir: string): string {
  return join(dataDir, 'collected-blobs');
}

/** Takes note of blobs that are about to be deleted. Durable when it resolves. */
export async function noteCollected(dataDir: string, sha256s: readonly string[]): Promise<void> {
  const path = collectedPath(dataDir);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(sha256s.map((sha256) => `${sha256}\n`).join(''));
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** The blobs that were noted. One that was stored again since is noted and there. */
export async function readCollected(dataDir: string): Promise<Set<string>> {
  const text = await readFile(collectedPath(dataDir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  // A line that a crash cut short names nothing.
  return new Set(text.split('\n').filter(isSha256));
}
