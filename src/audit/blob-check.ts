import { createHash } from 'node:crypto';
import type { BlobReader } from '#blobs/blob-store.ts';
import { type BlobUseFold, counted, type NeededBlob } from '#handling/invariant.ts';
import { isStrataError } from '../errors.ts';
import { type Check, Findings } from './report.ts';

const READ_AT_ONCE = 4;
/** A deploy has at most some ten thousand files, each named in its manifest. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;

/** Hashes every blob that is stored, and looks for every one that is needed. */
export async function checkBlobs(
  blobs: BlobReader,
  uses: readonly BlobUseFold[],
  onProgress: (done: number) => void,
): Promise<Check> {
  const findings = new Findings();
  const sound = new Set<string>();
  const damaged = new Set<string>();
  let sizeBytes = 0;
  const reading = new Set<Promise<void>>();
  for await (const { sha256, bytes } of blobs.list()) {
    if (reading.size >= READ_AT_ONCE) await Promise.race(reading);
    sizeBytes += bytes;
    const hashing = hashOf(blobs, sha256).then((hash) => {
      reading.delete(hashing);
      if (hash !== null) (hash === sha256 ? sound : damaged).add(sha256);
      onProgress(sound.size + damaged.size);
    });
    reading.add(hashing);
  }
  await Promise.all(reading);

  const needed = new Set<string>();
  const require = async (blob: NeededBlob): Promise<void> => {
    if (needed.has(blob.sha256)) return;
    needed.add(blob.sha256);
    if (damaged.has(blob.sha256)) findings.add(`${blob.what} has other bytes than its hash says: ${blob.sha256}`);
    else if (!sound.has(blob.sha256)) findings.add(`${blob.what} is missing: ${blob.sha256}`);
    else if (blob.within !== undefined) for (const each of await named(blobs, blob, findings)) await require(each);
  };
  for (const use of uses) for (const blob of use.blobs()) await require(blob);
  for (const sha256 of damaged) {
    if (!needed.has(sha256)) findings.add(`a blob that nothing needs has other bytes than its hash says: ${sha256}`);
  }
  const detail = `${counted(sound.size + damaged.size, 'blob')}, ${counted(sizeBytes, 'byte')}; ${needed.size} needed`;
  return findings.check('blobs are there, and match their hashes', detail);
}

/** The hash of the blob's bytes; `null` where it was collected since it was listed. */
async function hashOf(blobs: BlobReader, sha256: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of await blobs.stream(sha256)) hash.update(chunk);
  } catch (error) {
    if (isStrataError(error, 'blob.unknown')) return null;
    throw error;
  }
  return hash.digest('hex');
}

async function named(blobs: BlobReader, blob: NeededBlob, findings: Findings): Promise<readonly NeededBlob[]> {
  if ((await blobs.size(blob.sha256)) > MANIFEST_BYTES_MAX) {
    findings.add(`${blob.what} is too large to be one: ${blob.sha256}`);
    return [];
  }
  const bytes = await blobs.read(blob.sha256);
  try {
    return blob.within?.(bytes) ?? [];
  } catch {
    findings.add(`${blob.what} is not one: ${blob.sha256}`);
    return [];
  }
}
