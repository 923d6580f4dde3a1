import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { assert } from '../assert.ts';
import { errors } from '../errors.ts';
import type { BackupTarget, TargetFile } from './target.ts';

const BUFFERED_BYTES_MAX = 8 * 1024 * 1024;
const SETTINGS: readonly string[] = ['endpoint', 'region'];

/**
 * A bucket as a target: `s3://bucket/prefix?endpoint=&region=`. Credentials are found as every tool of AWS finds them
 * (`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, profiles, roles). A bucket that keeps old versions keeps erased keys:
 * keep the keys in one that does not.
 *
 * @throws config.invalid for a URL that is none of these
 */
export function openBucketTarget(url: string): BackupTarget {
  const { hostname: bucket, pathname, searchParams } = new URL(url);
  const unknown = [...searchParams.keys()].filter((name) => !SETTINGS.includes(name));
  if (bucket === '' || unknown.length > 0) {
    throw errors.error('config.invalid', `${url} is not s3://BUCKET/PREFIX with ?endpoint= and &region= at most`);
  }
  const endpoint = searchParams.get('endpoint');
  const client = new S3Client({
    region: searchParams.get('region') ?? process.env.AWS_REGION ?? 'us-east-1',
    // Servers other than Amazon's seldom have a host name a bucket.
    ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
  });
  const prefix = pathname.replace(/^\/+|\/+$/g, '');
  return new BucketTarget(client, bucket, prefix === '' ? '' : `${prefix}/`);
}

class BucketTarget implements BackupTarget {
  readonly url: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor(client: S3Client, bucket: string, prefix: string) {
    this.url = `s3://${bucket}/${prefix}`;
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  /** A bucket has no lock: two backups into one at once may each remove what the other needs. */
  async lock(): Promise<() => void> {
    return () => undefined;
  }

  async put(name: string, source: AsyncIterable<Uint8Array>, bytes: number): Promise<void> {
    // What is in memory can be sent again when the connection breaks; the rest is left to the next run.
    const Body =
      bytes <= BUFFERED_BYTES_MAX
        ? Buffer.concat(await Array.fromAsync(source))
        : Readable.from(source, { objectMode: false });
    await this.#client.send(new PutObjectCommand({ ...this.#object(name), Body, ContentLength: bytes }));
  }

  async get(name: string): Promise<Readable> {
    const found = await this.#client.send(new GetObjectCommand(this.#object(name))).catch(noneWhenMissing);
    if (found === null) throw errors.error('backup.damaged', `${name} is missing in ${this.url}`);
    assert(found.Body instanceof Readable, 'on Node a body is a stream of Node');
    return found.Body;
  }

  async size(name: string): Promise<number | null> {
    const found = await this.#client.send(new HeadObjectCommand(this.#object(name))).catch(noneWhenMissing);
    return found?.ContentLength ?? null;
  }

  async *list(folder: string): AsyncIterable<TargetFile> {
    const input = { Bucket: this.#bucket, Prefix: `${this.#prefix}${folder}/` };
    for await (const { Contents = [] } of paginateListObjectsV2({ client: this.#client }, input)) {
      for (const { Key, Size } of Contents) {
        if (Key !== undefined && Size !== undefined) yield { name: Key.slice(this.#prefix.length), bytes: Size };
      }
    }
  }

  async remove(name: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#object(name)));
  }

  #object(name: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + name };
  }
}

function noneWhenMissing(error: unknown): null {
  if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404 && error.name !== 'NoSuchBucket') {
    return null;
  }
  throw error;
}
