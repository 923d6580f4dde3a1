import { readFile, writeFile } from 'node:fs/promises';
import { type KeptKey, readSubjectKeys } from '#events/subject-key-files.ts';
import { mirrorMarkPath } from '#events/subject-key-layout.ts';
import { type LocalSubjectKeys, openSubjectKeys } from '#events/subject-keys.ts';
import { lockFolder } from '#log/embedded/folder-lock.ts';
import { errors } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { openBucket } from './bucket.ts';
import { ensureBucket } from './create-bucket.ts';
import { systemCode } from './disk-errors.ts';
import { KeyBucket } from './key-bucket.ts';
import { type SharedSubjectKeys, sharedSubjectKeys } from './shared-subject-keys.ts';

const AT_ONCE_MAX = 32;
const REPORTED_EVERY = 10_000;

export type OpenSharedKeysOptions = {
  /** The mirror's folder, of one process. */
  readonly dir: string;
  /** `s3://bucket?endpoint=&region=&prefix=`, as for blobs. */
  readonly url: string;
  /** Makes the bucket where it is missing. */
  readonly create: boolean;
  readonly report?: (message: string) => void;
};

/**
 * Opens the keys that members share. When a folder is not the bucket's mirror yet, the keys that it has go into the bucket,
 * and all that the bucket has into the folder: a server that had its keys to itself brings them along, and a mirror that was
 * lost is made again.
 *
 * @throws config.invalid, log.locked, engine.unavailable; engine.misconfigured, also where the two have different keys of one subject
 */
export async function openSharedSubjectKeys(options: OpenSharedKeysOptions): Promise<SharedSubjectKeys> {
  const { dir, url, create, report = () => {} } = options;
  const opened = openBucket(url);
  await ensureBucket(opened, create);
  const bucket = new KeyBucket(opened);
  // The log's own lock is taken later, by whoever replicates what the keys seal.
  const lock = lockFolder(dir);
  try {
    const local = await openMirror(dir, bucket, report);
    return sharedSubjectKeys({ local, bucket, lock, report });
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openMirror(dir: string, bucket: KeyBucket, report: (message: string) => void) {
  const isMirror = (await readFile(mirrorMarkPath(dir), 'utf8').catch(noneWhenMissing)) === bucket.url;
  if (!isMirror) await putSubjectKeys(bucket, readSubjectKeys(dir));
  const local = await openSubjectKeys({ dir });
  try {
    if (!isMirror) await mirrorAll(bucket, local, report);
    await writeFile(mirrorMarkPath(dir), bucket.url, { mode: 0o600, flush: true });
    return local;
  } catch (error) {
    await local.close();
    throw error;
  }
}

/**
 * Puts keys into the bucket, those that are not there; destroyed ones are destroyed there as well. Safe to repeat. Returns
 * how many there were.
 *
 * @throws engine.misconfigured where the bucket has another key of a subject
 */
export async function putSubjectKeys(bucket: KeyBucket, keys: AsyncIterable<KeptKey>): Promise<number> {
  let count = 0;
  await inParallel(keys, AT_ONCE_MAX, async ({ subject, key }) => {
    count += 1;
    if (key === null) return bucket.destroy(subject);
    const counting = await bucket.offer(subject, key);
    if (counting === null || counting.equals(key)) return;
    throw errors.error('engine.misconfigured', `${bucket.url} has another key of ${subject}: it is another log's`);
  });
  return count;
}

async function mirrorAll(bucket: KeyBucket, local: LocalSubjectKeys, report: (message: string) => void): Promise<void> {
  let count = 0;
  await inParallel(bucket.names(), AT_ONCE_MAX, async (name) => {
    const { subject, key } = await bucket.at(name);
    await (key === null ? local.destroy(subject) : local.adopt(subject, key));
    count += 1;
    if (count % REPORTED_EVERY === 0) report(`${count} keys were read from ${bucket.url}`);
  });
}

function noneWhenMissing(error: unknown): null {
  if (systemCode(error) === 'ENOENT') return null;
  throw error;
}
