import { join } from 'node:path';
import type { BlobsConfig } from '../config.ts';
import type { BlobReader, BlobStore } from './blob-store.ts';
import { openDiskBlobs, readDiskBlobs } from './disk.ts';

export type OpenBlobsOptions = {
  readonly blobs: BlobsConfig;
  /** Where uploads lie until they are in a bucket: `spool` in it. */
  readonly dataDir: string;
  /** Makes a bucket that is missing. */
  readonly create: boolean;
};

/**
 * Opens the store that is configured, for the one process of the data folder.
 * @throws config.invalid, engine.unavailable, engine.misconfigured, blob.write-failed
 */
export async function openBlobs({ blobs, dataDir, create }: OpenBlobsOptions): Promise<BlobStore> {
  if (blobs.engine === 'disk') return openDiskBlobs({ dir: blobs.dir });
  const { openS3Blobs } = await import('./s3.ts');
  return openS3Blobs({ url: blobs.url, spoolDir: join(dataDir, 'spool'), create });
}

/** The blobs that are configured, beside the processes that store them; nothing is made or emptied. @throws config.invalid */
export async function readBlobs(blobs: BlobsConfig): Promise<BlobReader> {
  if (blobs.engine === 'disk') return readDiskBlobs(blobs.dir);
  const { readS3Blobs } = await import('./s3.ts');
  return readS3Blobs(blobs.url);
}
