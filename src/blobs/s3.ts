import { mkdir, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { errors } from '../errors.ts';
import { blobKey } from './blob-key.ts';
import type { BlobReader, BlobStore, ByteRange, PendingBlob, PresignOptions, StagedBlobs } from './blob-store.ts';
import { type Bucket, openBucket } from './bucket.ts';
import { deleteUntouched } from './bucket-deletion.ts';
import { keepInBucket } from './bucket-keep.ts';
import { ensureBucket } from './create-bucket.ts';
import { writeError } from './disk-errors.ts';
import { isSha256 } from './layout.ts';
import { once, receive } from './spool.ts';
import { stageForBucket } from './staged-blobs.ts';

export type S3BlobsOptions = {
  /** `s3://bucket?endpoint=&region=&prefix=`; credentials are found as every tool of AWS finds them. */
  readonly url: string;
  /** A local folder that uploads lie in until they are inspected and stored; emptied at open. */
  readonly spoolDir: string;
  /** Makes the bucket where it is missing. */
  readonly create: boolean;
};

/**
 * Blobs as objects of a bucket, `blobs/ab/abcd…` below its prefix. A blob is streamed into a local file first, because it
 * is hashed and inspected before it is kept; `keep` and `put` resolve when the bucket has it.
 *
 * @throws config.invalid, engine.unavailable, engine.misconfigured
 */
export async function openS3Blobs({ url, spoolDir, create }: S3BlobsOptions): Promise<BlobStore> {
  const bucket = openBucket(url);
  await ensureBucket(bucket, create);
  try {
    await rm(spoolDir, { recursive: true, force: true });
    await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw writeError(error);
  }
  return new S3Blobs(bucket, spoolDir);
}

/** Blobs to be read beside the processes that store them. @throws config.invalid */
export function readS3Blobs(url: string): BlobReader {
  return new S3BlobReader(openBucket(url));
}

class S3BlobReader implements BlobReader {
  protected readonly bucket: Bucket;

  constructor(bucket: Bucket) {
    this.bucket = bucket;
  }

  async has(sha256: string): Promise<boolean> {
    return isSha256(sha256) && (await this.bucket.head(blobKey(sha256))) !== null;
  }

  async size(sha256: string): Promise<number> {
    return found(await this.bucket.head(blobKey(sha256)), sha256).bytes;
  }

  async read(sha256: string): Promise<Buffer> {
    return found(await this.bucket.read(blobKey(sha256)), sha256);
  }

  async stream(sha256: string, range?: ByteRange): Promise<Readable> {
    return found(await this.bucket.stream(blobKey(sha256), range), sha256);
  }

  async *list(): AsyncIterable<{ readonly sha256: string; readonly bytes: number; readonly modifiedAtMs: number }> {
    for await (const { key, bytes, modifiedAtMs } of this.bucket.list('blobs/')) {
      const sha256 = key.slice(key.lastIndexOf('/') + 1);
      if (isSha256(sha256) && key === blobKey(sha256)) yield { sha256, bytes, modifiedAtMs };
    }
  }
}

class S3Blobs extends S3BlobReader implements BlobStore {
  readonly #spoolDir: string;

  constructor(bucket: Bucket, spoolDir: string) {
    super(bucket);
    this.#spoolDir = spoolDir;
  }

  receive(source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<PendingBlob> {
    return receive(this.#spoolDir, source, bytesMax, (file) => keepInBucket(this.bucket, file));
  }

  stage(): StagedBlobs {
    return stageForBucket(this.#spoolDir, this.bucket);
  }

  async put(bytes: Uint8Array): Promise<string> {
    const pending = await this.receive(once(bytes), bytes.length);
    await pending.keep();
    return pending.sha256;
  }

  delete(sha256: string): Promise<void> {
    return this.bucket.remove(blobKey(sha256));
  }

  deleteStoredBefore(sha256: string, timeMs: number): Promise<boolean> {
    return deleteUntouched(this.bucket, sha256, timeMs);
  }

  presign(sha256: string, { seconds, mediaType }: PresignOptions): Promise<string> {
    const get = new GetObjectCommand({ ...this.bucket.object(blobKey(sha256)), ResponseContentType: mediaType });
    return getSignedUrl(this.bucket.client, get, { expiresIn: seconds });
  }
}

function found<Value>(value: Value | null, sha256: string): Value {
  if (value === null) throw errors.error('blob.unknown', `there is no blob ${sha256}`);
  return value;
}
