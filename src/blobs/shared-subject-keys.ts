import { randomBytes } from 'node:crypto';
import type { SubjectKeys } from '#events/sealing.ts';
import type { LocalSubjectKeys } from '#events/subject-keys.ts';
import type { FolderLock } from '#log/embedded/folder-lock.ts';
import { errors } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import type { KeyBucket } from './key-bucket.ts';

const KEY_BYTES = 32;
const MAKING_MAX = 10_000;
const FETCHED_AT_ONCE_MAX = 32;

/** Keys that several members share. */
export interface SharedSubjectKeys extends SubjectKeys {
  /**
   * Fetches the keys of these subjects that are not known here. To be called before events that are sealed with them can be
   * read here.
   * @throws engine.unavailable, engine.misconfigured
   */
  learn(subjects: Iterable<string>): Promise<void>;
}

export type SharedSubjectKeysOptions = {
  /** Where the keys are mirrored: what is sealed is opened without asking the bucket. */
  readonly local: LocalSubjectKeys;
  readonly bucket: KeyBucket;
  /** On the mirror's folder; released by `close`. */
  readonly lock: FolderLock;
  readonly report: (message: string) => void;
};

/**
 * Subjects' keys in a bucket, mirrored on each member. Of members that make a subject's key at once, one wins and all have
 * the winner's. A key is destroyed in the bucket first, and in the mirrors as members see the event that erases.
 */
export function sharedSubjectKeys(options: SharedSubjectKeysOptions): SharedSubjectKeys {
  return new MirroredSubjectKeys(options);
}

class MirroredSubjectKeys implements SharedSubjectKeys {
  readonly #local: LocalSubjectKeys;
  readonly #bucket: KeyBucket;
  readonly #lock: FolderLock;
  readonly #report: (message: string) => void;
  /** Keys being made, for callers that ask for one of them meanwhile. */
  readonly #making = new Map<string, Promise<Buffer>>();

  constructor({ local, bucket, lock, report }: SharedSubjectKeysOptions) {
    this.#local = local;
    this.#bucket = bucket;
    this.#lock = lock;
    this.#report = report;
  }

  get(subject: string): Buffer | null {
    return this.#local.get(subject);
  }

  ensure(subjects: readonly string[]): Promise<readonly Buffer[]> {
    return Promise.all(subjects.map((subject) => this.#ensure(subject)));
  }

  async destroy(subject: string): Promise<void> {
    // Destroyed here means destroyed in the bucket: that comes first.
    if (this.#local.known(subject) === null) return;
    await this.#bucket.destroy(subject);
    await this.#local.destroy(subject);
  }

  async learn(subjects: Iterable<string>): Promise<void> {
    const unknown = [...new Set(subjects)].filter((subject) => this.#local.known(subject) === undefined);
    await inParallel(unknown, FETCHED_AT_ONCE_MAX, async (subject) => {
      const key = await this.#bucket.find(subject);
      if (key === undefined) this.#report(`${this.#bucket.url} has no key of ${subject}: what it seals cannot be read`);
      else await this.#mirror(subject, key);
    });
  }

  async close(): Promise<void> {
    await this.#local.close();
    this.#lock.release();
  }

  async #ensure(subject: string): Promise<Buffer> {
    const known = this.#local.known(subject);
    if (known === null) throw erased();
    if (known !== undefined) return known;
    return this.#making.get(subject) ?? this.#make(subject);
  }

  #make(subject: string): Promise<Buffer> {
    if (this.#making.size >= MAKING_MAX) {
      return Promise.reject(errors.error('server.busy', 'too many keys are being made', { retryAfterSeconds: 1 }));
    }
    const making = this.#offer(subject).finally(() => this.#making.delete(subject));
    this.#making.set(subject, making);
    return making;
  }

  async #offer(subject: string): Promise<Buffer> {
    await this.#mirror(subject, await this.#bucket.offer(subject, randomBytes(KEY_BYTES)));
    // It may have been destroyed while it was on its way.
    const key = this.#local.get(subject);
    if (key === null) throw erased();
    return key;
  }

  #mirror(subject: string, key: Buffer | null): Promise<void> {
    return key === null ? this.#local.destroy(subject) : this.#local.adopt(subject, key);
  }
}

function erased() {
  return errors.error('subject.erased', 'the key of this data was destroyed');
}
