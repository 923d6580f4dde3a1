import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '#blobs/folders.ts';

/** Writes a small file; it and its name are on the disk when it resolves. */
export async function writeSynced(dir: string, name: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const file = await open(join(dir, name), 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dir);
}
