import { randomBytes } from 'node:crypto';
import { constants, readSync } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { open as openLmdb, type RootDatabase } from 'lmdb';
import { assert } from '../assert.ts';
import { errors, isStrataError, type StrataError } from '../errors.ts';
import { RecentKeys } from './recent-keys.ts';
import type { SubjectKeys } from './sealing.ts';
import { DESTROYED, KEY_BYTES, keysPath, mirrorMarkPath, slotsPath } from './subject-key-layout.ts';

const WAITING_MAX = 100_000;

export type SubjectKeysOptions = {
  /** A folder of its own, with a backup of its own: keys cannot be derived from the log. */
  readonly dir: string;
  /** Keys kept in memory; 20,000 unless told. */
  readonly cachedMax?: number;
};

/** Keys in a folder of this machine: all of them, or a mirror of those that several machines share. */
export interface LocalSubjectKeys extends SubjectKeys {
  /** The subject's key, `null` where it was destroyed, undefined where there never was one here. */
  known(subject: string): Buffer | null | undefined;
  /** Takes over a key that was made elsewhere, unless there is or was one here. Durable when it resolves. */
  adopt(subject: string, key: Buffer): Promise<void>;
}

/**
 * Opens the key store: an LMDB tree from subject to slot, and `keys.bin` with one 32-byte key a slot. Keys stand outside of
 * the tree because LMDB copies pages on writing: a key deleted there would stay readable in freed pages, where a slot is
 * overwritten in place. Only one process at a time, which the log's lock sees to.
 */
export async function openSubjectKeys({ dir, cachedMax = 20_000 }: SubjectKeysOptions): Promise<LocalSubjectKeys> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await rm(mirrorMarkPath(dir), { force: true });
  // Without overlapping syncs, a commit is on the disk when it resolves.
  const slots = openLmdb<number, string>({ path: slotsPath(dir), overlappingSync: false });
  const file = await open(keysPath(dir), constants.O_RDWR | constants.O_CREAT, 0o600);
  const { size } = await file.stat();
  await syncNames(dir);
  return new DiskSubjectKeys(slots, file, Math.ceil(size / KEY_BYTES), new RecentKeys(cachedMax));
}

/** Makes the new files' names durable: a key is worth nothing in a file that a power loss forgets. */
async function syncNames(dir: string): Promise<void> {
  for (const folder of [dir, dirname(dir)]) {
    const handle = await open(folder, 'r');
    await handle.sync();
    await handle.close();
  }
}

/** A subject whose key is on its way to the disk. */
type Waiting = {
  readonly subject: string;
  readonly key: Buffer;
  readonly done: (error: StrataError | null) => void;
};

class DiskSubjectKeys implements LocalSubjectKeys {
  readonly #slots: RootDatabase<number, string>;
  readonly #file: FileHandle;
  readonly #recent: RecentKeys;
  /** Where the next key goes. Slots of a batch that failed or was never finished stay unused. */
  #nextSlot: number;
  #waiting: Waiting[] = [];
  /** Keys being made, for callers that ask for one of them meanwhile. */
  readonly #making = new Map<string, Promise<Buffer>>();
  #flushing: Promise<void> | null = null;
  #closed = false;

  constructor(slots: RootDatabase<number, string>, file: FileHandle, nextSlot: number, recent: RecentKeys) {
    this.#slots = slots;
    this.#file = file;
    this.#nextSlot = nextSlot;
    this.#recent = recent;
  }

  get(subject: string): Buffer | null {
    return this.known(subject) ?? null;
  }

  known(subject: string): Buffer | null | undefined {
    const cached = this.#recent.get(subject);
    return cached === undefined ? this.#read(subject) : cached;
  }

  async adopt(subject: string, key: Buffer): Promise<void> {
    assert(key.length === KEY_BYTES && !key.equals(DESTROYED), 'a key is 32 random bytes');
    if (this.known(subject) !== undefined) return;
    await (this.#making.get(subject) ?? this.#make(subject, key)).catch(unlessErased);
  }

  ensure(subjects: readonly string[]): Promise<readonly Buffer[]> {
    return Promise.all(subjects.map((subject) => this.#ensure(subject)));
  }

  async destroy(subject: string): Promise<void> {
    // A key that is being made must be on the disk before it can be overwritten there.
    await this.#making.get(subject)?.catch(() => undefined);
    const slot = this.#slots.get(subject);
    if (slot === undefined) {
      // Never made, and never to be: a slot of zeros from the start.
      await this.#make(subject, DESTROYED).catch(unlessErased);
      return;
    }
    this.#recent.set(subject, null);
    try {
      await this.#file.write(DESTROYED, 0, KEY_BYTES, slot * KEY_BYTES);
      await this.#file.datasync();
    } catch (error) {
      this.#recent.delete(subject);
      throw storeError(error);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#flushing;
    await this.#slots.close();
    await this.#file.close();
    this.#recent.clear();
  }

  async #ensure(subject: string): Promise<Buffer> {
    const known = this.known(subject);
    if (known === null) throw errors.error('subject.erased', 'the key of this data was destroyed');
    return known ?? this.#making.get(subject) ?? this.#make(subject, randomBytes(KEY_BYTES));
  }

  /** The key on the disk, `null` for a destroyed one, undefined where none was made. */
  #read(subject: string): Buffer | null | undefined {
    const slot = this.#slots.get(subject);
    if (slot === undefined) return undefined;
    const key = Buffer.alloc(KEY_BYTES);
    const read = readSync(this.#file.fd, key, 0, KEY_BYTES, slot * KEY_BYTES);
    assert(read === KEY_BYTES, 'a slot is written before a subject names it');
    const known = key.equals(DESTROYED) ? null : key;
    this.#recent.set(subject, known);
    return known;
  }

  #make(subject: string, key: Buffer): Promise<Buffer> {
    if (this.#closed) return Promise.reject(errors.error('log.closed', 'the key store is closed'));
    if (this.#waiting.length >= WAITING_MAX) {
      return Promise.reject(errors.error('server.busy', 'too many keys are being made', { retryAfterSeconds: 1 }));
    }
    const made = new Promise<Buffer>((resolve, reject) => {
      const done = (error: StrataError | null) => {
        this.#making.delete(subject);
        if (error !== null) return reject(error);
        const destroyed = key.equals(DESTROYED);
        this.#recent.set(subject, destroyed ? null : key);
        if (destroyed) reject(errors.error('subject.erased', 'the key of this data was destroyed'));
        else resolve(key);
      };
      this.#waiting.push({ subject, key, done });
    });
    this.#making.set(subject, made);
    this.#flushing ??= this.#flush();
    return made;
  }

  /** One sync of the slots and one of the tree for all that wait; those who come meanwhile are the next batch. */
  async #flush(): Promise<void> {
    // The callers of this turn share the first batch.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const error = await this.#write(batch).then(() => null, storeError);
      for (const { done } of batch) done(error);
    }
    this.#flushing = null;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const first = this.#nextSlot;
    this.#nextSlot += batch.length;
    const keys = Buffer.concat(batch.map(({ key }) => key));
    let written = 0;
    while (written < keys.length) {
      const position = first * KEY_BYTES + written;
      written += (await this.#file.write(keys, written, keys.length - written, position)).bytesWritten;
    }
    await this.#file.datasync();
    await this.#slots.transaction(() => {
      batch.forEach(({ subject }, at) => {
        this.#slots.put(subject, first + at);
      });
    });
  }
}

function unlessErased(error: unknown): void {
  if (!isStrataError(error, 'subject.erased')) throw error;
}

function storeError(error: unknown): StrataError {
  if (isStrataError(error)) return error;
  const full = error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
  return full
    ? errors.error('log.disk-full', 'no room is left for keys', { cause: error })
    : errors.error('log.write-failed', 'a key could not be stored', { cause: error });
}
