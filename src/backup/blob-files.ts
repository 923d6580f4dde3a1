import { isSha256 } from '#blobs/layout.ts';
import type { BackupTarget } from './target.ts';

/** Two hex digits: blobs are gone through in 256 parts, so that no list of all is ever in memory. */
export const PARTS: readonly string[] = Array.from({ length: 256 }, (_, part) => part.toString(16).padStart(2, '0'));

/** Where a blob lies in a target. */
export function blobFile(sha256: string): string {
  return `blobs/${sha256.slice(0, 2)}/${sha256}`;
}

/** The blobs of one part that the target has, with their lengths. */
export async function blobsOfPart(target: BackupTarget, part: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { name, bytes } of target.list(`blobs/${part}`)) {
    const sha256 = name.slice(name.lastIndexOf('/') + 1);
    if (isSha256(sha256)) found.set(sha256, bytes);
  }
  return found;
}
