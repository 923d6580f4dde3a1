import { setTimeout } from 'node:timers/promises';
import { errors } from '../errors.ts';
import { blobKey } from './blob-key.ts';
import type { Bucket } from './bucket.ts';
import { isSettled } from './bucket-deletion.ts';
import { putFile } from './bucket-upload.ts';

const FIRST_WAIT_MS = 500;
/** Each wait is twice the one before: a minute in all, longer than any deletion. */
const LOOKS_MAX = 8;

/** A file with the bytes of a blob. */
export type BlobFile = { readonly path: string; readonly sha256: string; readonly bytes: number };

/**
 * Stores a file as a blob. One that is there already is stored again, so that whoever collects orphans takes it for new.
 * A deletion that is under way may hit it: then it is stored once more, until none is.
 */
export async function keepInBucket(bucket: Bucket, { sha256, ...file }: BlobFile): Promise<void> {
  const key = blobKey(sha256);
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const isNew = await putFile(bucket, key, file, { ifNone: true });
    if (!isNew) await putFile(bucket, key, file, { ifNone: false });
    if (await isSettled(bucket, sha256)) return;
    await setTimeout(FIRST_WAIT_MS * 2 ** look);
  }
  throw errors.error('blob.write-failed', `the blob ${sha256} is being deleted`, { retryAfterSeconds: 1 });
}
