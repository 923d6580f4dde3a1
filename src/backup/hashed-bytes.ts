import { createHash, hash } from 'node:crypto';
import { errors } from '../errors.ts';
import type { BackupFile } from './manifest.ts';
import type { BackupTarget } from './target.ts';

/** Of a file's hash in its name. */
const NAME_DIGITS = 32;

/** Passes bytes on, and knows their SHA-256 and number when they have ended. */
export class HashedBytes {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #hash = createHash('sha256');
  bytes = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#source) {
      this.#hash.update(chunk);
      this.bytes += chunk.length;
      yield chunk;
    }
  }

  /** In hex; once, after the end. */
  sha256(): string {
    return this.#hash.digest('hex');
  }
}

/** Puts bytes that are in memory, under a name that has their hash in it. */
export async function putHashed(target: BackupTarget, prefix: string, bytes: Buffer): Promise<BackupFile> {
  const sha256 = hash('sha256', bytes, 'hex');
  const file = `${prefix}${sha256.slice(0, NAME_DIGITS)}`;
  await target.put(file, once(bytes), bytes.length);
  return { file, bytes: bytes.length, sha256 };
}

/**
 * A file's bytes as they arrive. The last of them come only when all are what the backup says.
 * @throws backup.damaged
 */
export async function* verifiedBytes(target: BackupTarget, record: BackupFile): AsyncGenerator<Uint8Array> {
  const hashed = new HashedBytes(await target.get(record.file));
  let held: Uint8Array | null = null;
  for await (const chunk of hashed) {
    if (held !== null) yield held;
    held = chunk;
  }
  if (hashed.bytes !== record.bytes) {
    const lengths = `has ${hashed.bytes} bytes instead of ${record.bytes}`;
    throw errors.error('backup.damaged', `${record.file} in ${target.url} ${lengths}`);
  }
  if (hashed.sha256() !== record.sha256) {
    throw errors.error('backup.damaged', `${record.file} in ${target.url} does not match its hash ${record.sha256}`);
  }
  if (held !== null) yield held;
}

/** All of a file that is small enough for the memory. @throws backup.damaged */
export async function readVerified(target: BackupTarget, record: BackupFile): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(verifiedBytes(target, record)));
}

/** @throws backup.damaged where it has more than `bytesMax` bytes. */
export async function readWhole(target: BackupTarget, name: string, bytesMax: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (await target.get(name)) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bytesMax)
      throw errors.error('backup.damaged', `${name} in ${target.url} is too long to be what it says`);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/** Bytes as a source for `BackupTarget.put`. */
export async function* once(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes;
}
