import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '#blobs/disk-errors.ts';
import type { DataFolder } from './data-folder.ts';
import { putHashed } from './hashed-bytes.ts';
import type { PackedKeys } from './kept-keys.ts';
import { type BackupFile, type Keyring, readKeyrings, writeKeyring } from './manifest.ts';
import { forgetErased, removeUnnamedKeys } from './retention.ts';
import type { BackupTarget } from './target.ts';

/** The key that signs the log's tree; the tree itself follows from the log. */
export const SIGNING_KEY = 'signing.key';

/**
 * Keeps subjects' keys and the signing key. Keys of erased subjects leave the target for good: those of this log, and those
 * that it held before, of any epoch.
 */
export async function keepKeys(
  target: BackupTarget,
  data: DataFolder,
  packed: PackedKeys,
  log: Pick<Keyring, 'logId' | 'epoch' | 'head' | 'madeAt'>,
): Promise<void> {
  const signingKey = await putSigningKey(target, data.proofDir);
  const keyring: Keyring = { format: 1, ...log, keys: await packed.put(target, log.epoch), signingKey };
  await writeKeyring(target, keyring);
}

/** Takes erased subjects' keys out of the target. */
export async function pruneKeys(target: BackupTarget, erased: ReadonlySet<string>): Promise<void> {
  await removeUnnamedKeys(target, await forgetErased(target, await readKeyrings(target), erased));
}

async function putSigningKey(target: BackupTarget, dir: string): Promise<BackupFile | null> {
  const bytes = await readFile(join(dir, SIGNING_KEY)).catch((error) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });
  return bytes === null ? null : putHashed(target, 'signing-keys/', bytes);
}
