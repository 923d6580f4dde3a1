import { GrowingBuffer } from '#events/growing-buffer.ts';
import { type KeptKey, readSubjectKeys } from '#events/subject-key-files.ts';
import { KEY_BYTES } from '#events/subject-key-layout.ts';
import { errors } from '../errors.ts';
import { putHashed, verifiedBytes } from './hashed-bytes.ts';
import type { BackupFile } from './manifest.ts';
import type { BackupTarget } from './target.ts';

/** The keys' file: these 8 bytes, then for each subject its length (2 bytes, little endian), its UTF-8, and its key. */
const MAGIC = Buffer.from('STRATAK1');
const LENGTH_BYTES = 2;
const FIRST_BYTES = 1024 * 1024;

export type KeysRecord = BackupFile & { readonly subjects: number };

/** Keys on their way into a backup, packed as they come. */
export class PackedKeys {
  readonly #bytes = new GrowingBuffer(FIRST_BYTES);
  subjects = 0;

  constructor() {
    this.#add(MAGIC);
  }

  add(subject: string, key: Buffer): void {
    const name = Buffer.from(subject);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16LE(name.length);
    for (const part of [length, name, key]) this.#add(part);
    this.subjects += 1;
  }

  /** Puts them into the target as one file. */
  async put(target: BackupTarget, epoch: number): Promise<KeysRecord> {
    return { ...(await putHashed(target, `keys/e${epoch}-`, this.#bytes.view())), subjects: this.subjects };
  }

  #add(part: Buffer): void {
    this.#bytes.reserve(part.length);
    this.#bytes.bytes.set(part, this.#bytes.length);
    this.#bytes.length += part.length;
  }
}

/**
 * Packs the keys of the store in a folder, without those of subjects that are erased; adds to these the subjects whose keys
 * the store says are destroyed.
 */
export async function packKeys(dir: string, erased: Set<string>): Promise<PackedKeys> {
  const packed = new PackedKeys();
  for await (const { subject, key } of readSubjectKeys(dir)) {
    if (key === null) erased.add(subject);
    else if (!erased.has(subject)) packed.add(subject, key);
  }
  return packed;
}

/** @throws backup.damaged */
export async function* keysIn(target: BackupTarget, record: KeysRecord): AsyncGenerator<KeptKey> {
  let rest: Buffer = Buffer.alloc(0);
  let isBegun = false;
  for await (const chunk of verifiedBytes(target, record)) {
    rest = Buffer.concat([rest, chunk]);
    let at = 0;
    if (!isBegun && rest.length >= MAGIC.length) {
      if (!rest.subarray(0, MAGIC.length).equals(MAGIC)) throw notKeys(target, record);
      isBegun = true;
      at = MAGIC.length;
    }
    while (isBegun && at + LENGTH_BYTES <= rest.length) {
      const start = at + LENGTH_BYTES;
      const end = start + rest.readUInt16LE(at);
      if (end + KEY_BYTES > rest.length) break;
      yield { subject: rest.toString('utf8', start, end), key: Buffer.from(rest.subarray(end, end + KEY_BYTES)) };
      at = end + KEY_BYTES;
    }
    rest = rest.subarray(at);
  }
  if (!isBegun || rest.length > 0) throw notKeys(target, record);
}

function notKeys(target: BackupTarget, { file }: KeysRecord) {
  return errors.error('backup.damaged', `${file} in ${target.url} is no file of keys`);
}
