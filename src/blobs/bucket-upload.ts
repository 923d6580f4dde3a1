import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { HeadObjectCommand, PutObjectCommand, type PutObjectCommandInput, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { Bucket } from './bucket.ts';
import { bucketError, isPreconditionFailed, statusOf } from './bucket-errors.ts';
import { writeError } from './disk-errors.ts';

/** Up to here a file is one request; beyond, parts of this size. */
const ONE_REQUEST_BYTES_MAX = 16 * 1024 * 1024;
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 2;
const ATTEMPTS_MAX = 3;

/** A file to be stored; it does not change meanwhile. */
export type UploadedFile = { readonly path: string; readonly bytes: number };

/**
 * Stores a file as an object, streaming it; the server checks its CRC32. Above 16 MiB it goes in parts, 16 MiB of it in
 * memory at a time. Resolves when it is stored, with false where `ifNone` is set and there is an object already.
 *
 * @throws blob.write-failed where the file cannot be read, engine.unavailable, engine.misconfigured
 */
export async function putFile(
  bucket: Bucket,
  key: string,
  file: UploadedFile,
  { ifNone }: { readonly ifNone: boolean },
): Promise<boolean> {
  const condition = ifNone ? { IfNoneMatch: '*' } : {};
  const object = { ...bucket.object(key), ...condition };
  try {
    await (file.bytes > ONE_REQUEST_BYTES_MAX ? putParts(bucket, object, file) : putWhole(bucket, object, file));
    return true;
  } catch (error) {
    if (isPreconditionFailed(error)) return false;
    // A server that has it may close the connection while the bytes are still being sent, before its answer is read.
    if (ifNone && statusOf(error) === null && (await isThere(bucket, key))) return false;
    throw bucketError(error, bucket.place.bucket);
  }
}

async function isThere(bucket: Bucket, key: string): Promise<boolean> {
  return bucket.client.send(new HeadObjectCommand(bucket.object(key))).then(
    () => true,
    () => false,
  );
}

/**
 * Stores what comes as an object, in parts. One that is there already is replaced.
 * @throws what the source throws, engine.unavailable, engine.misconfigured; nothing is stored then.
 */
export async function putStream(bucket: Bucket, key: string, source: AsyncIterable<Uint8Array>): Promise<void> {
  const failures: unknown[] = [];
  const watched = async function* () {
    try {
      yield* source;
    } catch (error) {
      failures.push(error);
      throw error;
    }
  };
  try {
    await upload(bucket.client, { ...bucket.object(key), Body: Readable.from(watched(), { objectMode: false }) });
  } catch (error) {
    throw failures.length > 0 ? failures[0] : bucketError(error, bucket.place.bucket);
  }
}

function upload(client: S3Client, params: PutObjectCommandInput): Promise<unknown> {
  return new Upload({ client, params, partSize: PART_BYTES, queueSize: PARTS_AT_ONCE }).done();
}

type Target = { readonly Bucket: string; readonly Key: string; readonly IfNoneMatch?: string };

async function putWhole({ client }: Bucket, object: Target, { path, bytes }: UploadedFile): Promise<void> {
  const ChecksumCRC32 = await checksumOf(path);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await streamed(path, (Body) =>
        client.send(new PutObjectCommand({ ...object, Body, ContentLength: bytes, ChecksumCRC32 })),
      );
      return;
    } catch (error) {
      // The client itself does not send a stream a second time.
      const status = statusOf(error);
      if (attempt === ATTEMPTS_MAX || (status !== null && status < 500)) throw error;
    }
  }
}

async function putParts({ client }: Bucket, object: Target, { path }: UploadedFile): Promise<void> {
  await streamed(path, (Body) => upload(client, { ...object, Body }));
}

/** A file's stream for as long as the work takes. The client listens to no errors of it. */
async function streamed<Value>(
  path: string,
  work: (source: ReturnType<typeof createReadStream>) => Promise<Value>,
): Promise<Value> {
  const source = createReadStream(path);
  const failed = new Promise<never>((_, reject) => {
    source.on('error', (error) => {
      // Ended by the client itself, which tells why.
      if (error.name !== 'AbortError') reject(writeError(error));
    });
  });
  try {
    return await Promise.race([work(source), failed]);
  } finally {
    source.destroy();
  }
}

/** As S3 has it: base64 of the four bytes, big endian. */
async function checksumOf(path: string): Promise<string> {
  let sum = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) sum = crc32(chunk, sum);
  } catch (error) {
    throw writeError(error);
  }
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum);
  return bytes.toString('base64');
}
