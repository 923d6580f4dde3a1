import { randomUUID } from 'node:crypto';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { errors } from '../errors.ts';
import { blobKey } from './blob-key.ts';
import type { Bucket } from './bucket.ts';
import { bucketError } from './bucket-errors.ts';

/** How long the server takes a request to delete, from when the deletion was announced. */
const TAKEN_SECONDS = 20;
/** When an announcement is one of somebody who died: what was taken in time is over by then. */
const OVER_MS = 40_000;
const ANSWER_MS_MAX = 10_000;
/** Times of objects are in whole seconds. */
const CLOCK_GRAIN_MS = 1_000;
const FORBIDDEN = 403;

/**
 * Deletes a blob unless it was stored at or after the time (ms since 1970, by this machine's clock); true if it did.
 *
 * S3 does not delete on condition of when an object was stored, and equal bytes have equal tags. So a deletion is announced
 * by an object of its own, before it looks at the blob's time; who stores a blob looks for announcements afterwards (see
 * `isSettled`). One of them sees the other. The request to delete is signed for 20 s from the announcement on, by the
 * server's clock: one that comes late, from a process that stood still, is refused.
 */
export async function deleteUntouched(bucket: Bucket, sha256: string, timeMs: number): Promise<boolean> {
  const key = blobKey(sha256);
  // Another member may have been quicker: that costs one request.
  if ((await bucket.head(key)) === null) return false;
  const announcement = `${announcements(sha256)}${randomUUID()}`;
  await bucket.put(announcement, Buffer.alloc(0), { ifNone: false });
  const announced = await bucket.head(announcement);
  const stored = announced === null ? null : await bucket.head(key);
  let isDeleted = false;
  if (announced !== null && stored !== null) {
    // How long it lay there by the server's clock, against how long ago the time was by this one's.
    const layMs = announced.modifiedAtMs - stored.modifiedAtMs - CLOCK_GRAIN_MS;
    if (layMs > Date.now() - timeMs) isDeleted = await deleteWithin(bucket, key, announced.modifiedAtMs);
  }
  await bucket.remove(announcement);
  return isDeleted;
}

/** True when a blob that was stored before the call is there, and no deletion that is under way can hit it. */
export async function isSettled(bucket: Bucket, sha256: string): Promise<boolean> {
  let announcedMs = Number.NEGATIVE_INFINITY;
  for await (const { modifiedAtMs } of bucket.list(announcements(sha256))) {
    announcedMs = Math.max(announcedMs, modifiedAtMs);
  }
  // Looked for after the announcements: what was announced before and is not now, has done what it does.
  const stored = await bucket.head(blobKey(sha256));
  return stored !== null && stored.modifiedAtMs - announcedMs > OVER_MS;
}

/** Sends the request that the server takes for 20 s from the time; false where it was too late. */
async function deleteWithin(bucket: Bucket, key: string, fromMs: number): Promise<boolean> {
  const url = await getSignedUrl(bucket.client, new DeleteObjectCommand(bucket.object(key)), {
    expiresIn: TAKEN_SECONDS,
    signingDate: new Date(fromMs),
  });
  try {
    const { status, ok } = await fetch(url, { method: 'DELETE', signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    if (ok) return true;
    if (status === FORBIDDEN) return false;
    throw errors.error('engine.unavailable', `the bucket ${bucket.place.bucket} answers ${status}`);
  } catch (error) {
    // Whether it was deleted is not known: the announcement stays until it is over.
    throw bucketError(error, bucket.place.bucket);
  }
}

/** Objects that announce deletions of a blob. */
function announcements(sha256: string): string {
  return `deletions/${sha256}-`;
}
