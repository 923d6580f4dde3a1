import type { Readable } from 'node:stream';
import { type Bucket, openBucket } from '#blobs/bucket.ts';
import { putStream } from '#blobs/bucket-upload.ts';
import { errors } from '../errors.ts';
import type { BackupTarget, TargetFile } from './target.ts';

const BUFFERED_BYTES_MAX = 8 * 1024 * 1024;

/**
 * A bucket as a target: `s3://bucket/prefix?endpoint=&region=`. Credentials are found as every tool of AWS finds them
 * (`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, profiles, roles). A bucket that keeps old versions keeps erased keys:
 * keep the keys in one that does not.
 *
 * @throws config.invalid for a URL that is none of these
 */
export function openBucketTarget(url: string): BackupTarget {
  return new BucketTarget(openBucket(url));
}

class BucketTarget implements BackupTarget {
  readonly url: string;
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.url = bucket.url;
    this.#bucket = bucket;
  }

  /** A bucket has no lock: two backups into one at once may each remove what the other needs. */
  async lock(): Promise<() => void> {
    return () => undefined;
  }

  async put(name: string, source: AsyncIterable<Uint8Array>, bytes: number): Promise<void> {
    if (bytes <= BUFFERED_BYTES_MAX) {
      await this.#bucket.put(name, Buffer.concat(await Array.fromAsync(source)), { ifNone: false });
      return;
    }
    await putStream(this.#bucket, name, source);
  }

  async get(name: string): Promise<Readable> {
    const found = await this.#bucket.stream(name);
    if (found === null) throw errors.error('backup.damaged', `${name} is missing in ${this.url}`);
    return found;
  }

  async size(name: string): Promise<number | null> {
    return (await this.#bucket.head(name))?.bytes ?? null;
  }

  async *list(folder: string): AsyncIterable<TargetFile> {
    for await (const { key, bytes } of this.#bucket.list(`${folder}/`)) yield { name: key, bytes };
  }

  remove(name: string): Promise<void> {
    return this.#bucket.remove(name);
  }
}
