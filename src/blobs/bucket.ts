import { addAbortSignal, Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { assert } from '../assert.ts';
import { isStrataError } from '../errors.ts';
import type { ByteRange } from './blob-store.ts';
import { bucketError, isMissing, isPreconditionFailed } from './bucket-errors.ts';
import { type BucketPlace, parseBucketUrl } from './bucket-url.ts';

const ATTEMPTS_MAX = 4;
const CONNECT_MS_MAX = 3_000;
/** Until the answer begins, a request's own bytes included: 16 MiB at half a MiB a second. */
const ANSWER_MS_MAX = 30_000;
/** Clients that read slowly hold a connection each, and must not keep others from theirs. */
const SOCKETS_MAX = 1_024;

/** Whatever fails is thrown; the client would print it as well. */
const ignore = () => {};
const SILENT = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

export type StoredObject = { readonly key: string; readonly bytes: number; readonly modifiedAtMs: number };

/**
 * Objects by key below a prefix of one S3 bucket. Requests are tried again a stated number of times, each within a stated
 * time. Every method throws engine.unavailable and engine.misconfigured.
 */
export class Bucket {
  readonly client: S3Client;
  readonly place: BucketPlace;

  constructor(place: BucketPlace) {
    const { endpoint, region } = place;
    this.place = place;
    this.client = new S3Client({
      region,
      // Servers other than Amazon's seldom have a host name a bucket.
      ...(endpoint !== null && { endpoint, forcePathStyle: true }),
      maxAttempts: ATTEMPTS_MAX,
      logger: SILENT,
      requestHandler: {
        connectionTimeout: CONNECT_MS_MAX,
        requestTimeout: ANSWER_MS_MAX,
        throwOnRequestTimeout: true,
        httpAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
        httpsAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      },
    });
  }

  /** As a person writes it. */
  get url(): string {
    return `s3://${this.place.bucket}/${this.place.prefix}`;
  }

  /** Stores bytes under a key; false where `ifNone` is set and there is an object already, which then stays. */
  async put(key: string, bytes: Uint8Array, { ifNone }: { readonly ifNone: boolean }): Promise<boolean> {
    const condition = ifNone ? { IfNoneMatch: '*' } : {};
    const put = new PutObjectCommand({ ...this.object(key), Body: bytes, ...condition });
    return (await this.#send(() => this.client.send(put), isPreconditionFailed)) !== null;
  }

  /** The object's length and when it was stored, by the server's clock, in whole seconds; `null` where there is none. */
  async head(key: string): Promise<StoredObject | null> {
    const found = await this.#send(() => this.client.send(new HeadObjectCommand(this.object(key))), isMissing);
    if (found === null) return null;
    return { key, bytes: found.ContentLength ?? 0, modifiedAtMs: found.LastModified?.getTime() ?? 0 };
  }

  /** A stream that must be read or destroyed; `null` where there is no such object. */
  async stream(key: string, range?: ByteRange): Promise<Readable | null> {
    const part = range === undefined ? {} : { Range: `bytes=${range.first}-${range.last}` };
    const get = new GetObjectCommand({ ...this.object(key), ...part });
    const found = await this.#send(() => this.client.send(get), isMissing);
    if (found === null) return null;
    assert(found.Body instanceof Readable, 'on Node a body is a stream of Node');
    return found.Body;
  }

  /** All of an object; `null` where there is none. For small ones: asked for once more when it breaks off. */
  async read(key: string): Promise<Buffer | null> {
    const whole = async () => {
      const source = await this.stream(key);
      return source && Buffer.concat(await Array.fromAsync(addAbortSignal(AbortSignal.timeout(ANSWER_MS_MAX), source)));
    };
    return this.#send(async () => {
      try {
        return await whole();
      } catch (error) {
        // The request was tried several times already; the body was not.
        if (isStrataError(error)) throw error;
        return whole();
      }
    });
  }

  /** Every object whose key begins so, in the order of keys (UTF-8), a page at a time. */
  async *list(start: string): AsyncIterable<StoredObject> {
    const input = { Bucket: this.place.bucket, Prefix: this.place.prefix + start };
    try {
      for await (const { Contents = [] } of paginateListObjectsV2({ client: this.client }, input)) {
        for (const { Key, Size = 0, LastModified } of Contents) {
          if (Key === undefined) continue;
          const key = Key.slice(this.place.prefix.length);
          yield { key, bytes: Size, modifiedAtMs: LastModified?.getTime() ?? 0 };
        }
      }
    } catch (error) {
      throw bucketError(error, this.place.bucket);
    }
  }

  /** Does nothing where there is no such object. */
  async remove(key: string): Promise<void> {
    await this.#send(() => this.client.send(new DeleteObjectCommand(this.object(key))), isMissing);
  }

  /** The object of a key, as the client's commands name it. */
  object(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.place.bucket, Key: this.place.prefix + key };
  }

  /** What a request answers; `null` for a failure that only says that there is nothing to be had or done. */
  async #send<Value>(
    request: () => Promise<Value>,
    saysNone: (error: unknown) => boolean = () => false,
  ): Promise<Value | null> {
    try {
      return await request();
    } catch (error) {
      if (saysNone(error)) return null;
      throw bucketError(error, this.place.bucket);
    }
  }
}

export function openBucket(url: string): Bucket {
  return new Bucket(parseBucketUrl(url));
}
