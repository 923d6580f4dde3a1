import type { KeptKey } from '#events/subject-key-files.ts';
import { keysIn } from './kept-keys.ts';
import type { Keyring } from './manifest.ts';
import type { BackupTarget } from './target.ts';

/** The backup's keys without those of erased subjects, which are told as destroyed. */
export async function* restoredKeys(
  target: BackupTarget,
  { keys }: Keyring,
  erased: ReadonlySet<string>,
): AsyncGenerator<KeptKey> {
  for await (const kept of keysIn(target, keys)) if (!erased.has(kept.subject)) yield kept;
  for (const subject of erased) yield { subject, key: null };
}
