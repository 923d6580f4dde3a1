import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inParallel } from '../in-parallel.ts';
import type { StagedBlobs } from './blob-store.ts';
import type { Bucket } from './bucket.ts';
import { keepInBucket } from './bucket-keep.ts';
import { readDiskBlobs } from './disk.ts';
import { blobPath } from './layout.ts';

const KEPT_AT_ONCE_MAX = 16;

/** Folders in the spool; what was made a blob there is stored in the bucket by `keep`, and by this process. */
export function stageForBucket(spoolDir: string, bucket: Bucket): StagedBlobs {
  const root = join(spoolDir, `staged-${randomUUID()}`);
  const dir = join(root, 'blobs');
  return {
    dir,
    incomingDir: join(root, 'incoming'),
    keep: async () => {
      await inParallel(readDiskBlobs(dir).list(), KEPT_AT_ONCE_MAX, ({ sha256, bytes }) =>
        keepInBucket(bucket, { sha256, bytes, path: blobPath(dir, sha256) }),
      );
    },
    drop: () => rm(root, { recursive: true, force: true }),
  };
}
