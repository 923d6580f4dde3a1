import { createHash } from 'node:crypto';
import { z } from 'zod';
import { errors } from '../errors.ts';
import type { Bucket } from './bucket.ts';

const KEY_BYTES = 32;

/** What a key's object holds: `key` in base64, `null` where it was destroyed. */
const keptSchema = z.strictObject({ subject: z.string().min(1), key: z.base64().nullable() });

/** A subject's 32 bytes; `null` where they were destroyed. */
export type SharedKey = { readonly subject: string; readonly key: Buffer | null };

/**
 * Subjects' keys as objects of a bucket, `keys/ab/abcd…` by the hash of the subject. The first one stored for a subject is
 * its key for all; a destroyed one is overwritten by a tombstone that stays, so that none is made again.
 */
export class KeyBucket {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** As a person writes where it is. */
  get url(): string {
    return this.#bucket.url;
  }

  /** The subject's key, `null` where it was destroyed, undefined where there never was one. */
  async find(subject: string): Promise<Buffer | null | undefined> {
    const name = objectOf(subject);
    const bytes = await this.#bucket.read(name);
    if (bytes === null) return undefined;
    const kept = this.#decode(name, bytes);
    if (kept.subject !== subject) throw this.#notAKey(name);
    return kept.key;
  }

  /** Offers a key. Resolves with the one that counts, which another member may have offered before; `null` where it was destroyed. */
  async offer(subject: string, key: Buffer): Promise<Buffer | null> {
    if (await this.#bucket.put(objectOf(subject), encode({ subject, key }), { ifNone: true })) return key;
    const found = await this.find(subject);
    // Objects of keys are never removed.
    if (found === undefined) throw this.#notAKey(objectOf(subject));
    return found;
  }

  /** Leaves a tombstone, whether or not there was a key. */
  async destroy(subject: string): Promise<void> {
    await this.#bucket.put(objectOf(subject), encode({ subject, key: null }), { ifNone: false });
  }

  /** The names of all objects, for `at`. */
  async *names(): AsyncIterable<string> {
    for await (const { key } of this.#bucket.list('keys/')) yield key;
  }

  async at(name: string): Promise<SharedKey> {
    const bytes = await this.#bucket.read(name);
    if (bytes === null) throw this.#notAKey(name);
    return this.#decode(name, bytes);
  }

  #decode(name: string, bytes: Buffer): SharedKey {
    try {
      const { subject, key } = keptSchema.parse(JSON.parse(bytes.toString('utf8')));
      if (key === null) return { subject, key };
      const decoded = Buffer.from(key, 'base64');
      if (decoded.length === KEY_BYTES) return { subject, key: decoded };
    } catch (cause) {
      throw this.#notAKey(name, cause);
    }
    throw this.#notAKey(name);
  }

  #notAKey(name: string, cause?: unknown) {
    return errors.error('engine.misconfigured', `${this.url}${name} is not the key that it must be`, { cause });
  }
}

function objectOf(subject: string): string {
  const name = createHash('sha256').update(subject).digest('hex');
  return `keys/${name.slice(0, 2)}/${name}`;
}

function encode({ subject, key }: SharedKey): Buffer {
  return Buffer.from(JSON.stringify({ subject, key: key === null ? null : key.toString('base64') }));
}
