import { existsSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { open as openLmdb } from 'lmdb';
import { assert } from '../assert.ts';
import { DESTROYED, KEY_BYTES, keysPath, slotsPath } from './subject-key-layout.ts';

/** A subject's 32 bytes; `null` where they were destroyed. */
export type KeptKey = { readonly subject: string; readonly key: Buffer | null };

const WRITTEN_AT_ONCE = 4096;

/**
 * Every subject of the key store in a folder, by name, as of when the reading begins; keys that are destroyed meanwhile may
 * be told as destroyed. Beside the process that has the store open, and changing nothing. None where there is no store.
 */
export async function* readSubjectKeys(dir: string): AsyncGenerator<KeptKey> {
  if (!existsSync(slotsPath(dir)) || !existsSync(keysPath(dir))) return;
  const slots = openLmdb<number, string>({ path: slotsPath(dir), readOnly: true });
  const file = await open(keysPath(dir), 'r');
  try {
    for (const { key: subject, value: slot } of slots.getRange({ snapshot: true })) {
      const key = Buffer.alloc(KEY_BYTES);
      const { bytesRead } = await file.read(key, 0, KEY_BYTES, slot * KEY_BYTES);
      assert(bytesRead === KEY_BYTES, 'a slot is written before a subject names it');
      yield { subject, key: key.equals(DESTROYED) ? null : key };
    }
  } finally {
    await file.close();
    await slots.close();
  }
}

/** Makes a key store in an empty folder, and returns how many subjects it holds; each is named once. Durable when it resolves. */
export async function writeSubjectKeys(dir: string, entries: AsyncIterable<KeptKey>): Promise<number> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const slots = openLmdb<number, string>({ path: slotsPath(dir), overlappingSync: false });
  const file = await open(keysPath(dir), 'wx', 0o600);
  let written = 0;
  let batch: KeptKey[] = [];
  const flush = async () => {
    const first = written;
    await file.write(Buffer.concat(batch.map(({ key }) => key ?? DESTROYED)), 0, null, first * KEY_BYTES);
    await file.datasync();
    await slots.transaction(() => {
      batch.forEach(({ subject }, at) => {
        slots.put(subject, first + at);
      });
    });
    written += batch.length;
    batch = [];
  };
  try {
    for await (const entry of entries) {
      batch.push(entry);
      if (batch.length >= WRITTEN_AT_ONCE) await flush();
    }
    if (batch.length > 0) await flush();
    return written;
  } finally {
    await file.close();
    await slots.close();
  }
}
