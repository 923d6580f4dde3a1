import { keysIn, PackedKeys } from './kept-keys.ts';
import { type Keyring, type Manifest, writeKeyring } from './manifest.ts';
import type { BackupTarget } from './target.ts';

/** Takes erased subjects' keys out of a target, whatever epoch they were kept in. */
export async function forgetErased(
  target: BackupTarget,
  keyrings: readonly Keyring[],
  erased: ReadonlySet<string>,
): Promise<Keyring[]> {
  const kept: Keyring[] = [];
  for (const keyring of keyrings) {
    const packed = new PackedKeys();
    for await (const { subject, key } of keysIn(target, keyring.keys)) {
      if (key !== null && !erased.has(subject)) packed.add(subject, key);
    }
    const isSame = packed.subjects === keyring.keys.subjects;
    const changed = isSame ? keyring : { ...keyring, keys: await packed.put(target, keyring.epoch) };
    if (!isSame) await writeKeyring(target, changed);
    kept.push(changed);
  }
  return kept;
}

/** Removes what no manifest names any more: earlier states of the last segment, lists from before. */
export async function removeUnnamed(target: BackupTarget, manifests: readonly Manifest[]): Promise<void> {
  const named = manifests.flatMap(({ segments, erasures, blobs, collected }) => [
    ...segments,
    erasures,
    ...[blobs, collected].filter((record) => record !== null),
  ]);
  await removeOthers(target, ['segments', 'erasures', 'blob-lists', 'collected'], named);
}

/** Removes keys from before an erasure. */
export async function removeUnnamedKeys(target: BackupTarget, keyrings: readonly Keyring[]): Promise<void> {
  const named = keyrings.flatMap(({ keys, signingKey }) => (signingKey === null ? [keys] : [keys, signingKey]));
  await removeOthers(target, ['keys', 'signing-keys'], named);
}

async function removeOthers(
  target: BackupTarget,
  folders: readonly string[],
  named: readonly { readonly file: string }[],
): Promise<void> {
  const files = new Set(named.map(({ file }) => file));
  for (const folder of folders) {
    for await (const { name } of target.list(folder)) if (!files.has(name)) await target.remove(name);
  }
}
