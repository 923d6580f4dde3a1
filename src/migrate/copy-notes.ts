import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { noteCollected, readCollected } from '#blobs/collected.ts';
import { signingKeyPath } from '#log/transparency/signing-key.ts';
import { writeSynced } from '../backup/durable-file.ts';

/**
 * Copies what another data folder needs beside log and blobs: the key that signs the tree, and which blobs were collected.
 * What is there already stays.
 */
export async function copyNotes(fromDir: string, toDir: string): Promise<void> {
  await mkdir(toDir, { recursive: true, mode: 0o700 });
  const [from, to] = [fromDir, toDir].map((dir) => signingKeyPath(join(dir, 'tree'))) as [string, string];
  if (existsSync(from) && !existsSync(to)) await writeSynced(dirname(to), basename(to), await readFile(from));
  const missing = (await readCollected(fromDir)).difference(await readCollected(toDir));
  if (missing.size > 0) await noteCollected(toDir, [...missing]);
}
