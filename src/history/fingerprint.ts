import { hash as digest } from 'node:crypto';
import type { Fingerprint } from './db.ts';
import { ByteWriter } from './storage/byte-codec.ts';
import type { TreeKey } from './storage/tree-key.ts';

const WORDS = 8;
const WORD = 2 ** 32;
/** So many words of 32 bits can be added up before a sum needs more than the 53 bits of a number. */
const ADDED_MAX = 2 ** 20;

/** Of a structure that holds nothing. */
export const EMPTY_FINGERPRINT: Fingerprint = { count: 0, sum: '0'.repeat(64) };

/**
 * A sum of hashes mod 2^256, and how many there are: the same in whatever order they come and go (an AdHash, after Bellare
 * and Micciancio, with a modulus that makes it quick). It finds faults, not forgers.
 */
export class FingerprintSum {
  /** Lowest first; between two normalisations a word may be below zero or above 2^32. */
  readonly #words = new Float64Array(WORDS);
  #added = 0;
  #count: number;

  constructor({ count, sum }: Fingerprint = EMPTY_FINGERPRINT) {
    this.#count = count;
    this.#addWords(Buffer.from(sum, 'hex'), 1);
  }

  /** `hash` has 32 bytes. */
  add(hash: Buffer): void {
    this.#count += 1;
    this.#addWords(hash, 1);
  }

  /** Takes out a hash that was added. */
  subtract(hash: Buffer): void {
    this.#count -= 1;
    this.#addWords(hash, -1);
  }

  get count(): number {
    return this.#count;
  }

  value(): Fingerprint {
    this.#normalise();
    let sum = '';
    for (const word of this.#words) sum = word.toString(16).padStart(8, '0') + sum;
    return { count: this.#count, sum };
  }

  #addWords(hash: Buffer, sign: 1 | -1): void {
    for (let word = 0; word < WORDS; word++) {
      this.#words[word]! += sign * hash.readUInt32BE((WORDS - 1 - word) * 4);
    }
    this.#added += 1;
    if (this.#added === ADDED_MAX) this.#normalise();
  }

  #normalise(): void {
    let carry = 0;
    for (let word = 0; word < WORDS; word++) {
      const value = this.#words[word]! + carry;
      carry = Math.floor(value / WORD);
      this.#words[word] = value - carry * WORD;
    }
    this.#added = 0;
  }
}

/** Hashes documents of one collection as its fingerprint adds them up: SHA-256("strata.document.v1", 00, collection, 00, key, 00, canonical bytes). */
export class DocumentHasher {
  readonly #element = new ByteWriter(4096);
  readonly #prefixBytes: number;

  constructor(collection: string) {
    this.#element.append(Buffer.from(`strata.document.v1\0${collection}\0`));
    this.#prefixBytes = this.#element.length;
  }

  hash(key: TreeKey, bytes: Uint8Array): Buffer {
    const element = this.#element;
    element.length = this.#prefixBytes;
    element.latin1(key);
    element.byte(0);
    element.append(bytes);
    return digest('sha256', element.view(), 'buffer');
  }
}
