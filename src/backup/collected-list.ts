import { putHashed, readVerified } from './hashed-bytes.ts';
import { linesOf, linesText } from './lines.ts';
import type { BackupFile, Manifest } from './manifest.ts';
import type { BackupTarget } from './target.ts';

/** The blobs that a target's manifests say were collected on purpose. @throws backup.damaged */
export async function collectedIn(target: BackupTarget, manifests: readonly Manifest[]): Promise<Set<string>> {
  const collected = new Set<string>();
  for (const { collected: noted } of manifests) {
    if (noted === null) continue;
    for (const sha256 of linesOf(await readVerified(target, noted))) collected.add(sha256);
  }
  return collected;
}

export async function putCollected(target: BackupTarget, collected: ReadonlySet<string>): Promise<BackupFile | null> {
  return collected.size === 0 ? null : putHashed(target, 'collected/', Buffer.from(linesText(collected)));
}
