import { assert } from '../../assert.ts';

/** A record that lies within one block is read from it; what crosses blocks is read by itself. */
export const BLOCK_BYTES = 16 * 1024;
const CHUNK_BLOCKS = 256;
const FILE_BLOCKS = 2 ** 36;

/**
 * Blocks of append-only files in memory that is taken once and used again, so that reading many small records costs neither
 * calls of the operating system nor the collector's time. What is used least goes first, roughly (the clock algorithm).
 */
export class BlockCache {
  readonly #slotsMax: number;
  readonly #chunks: Buffer[] = [];
  /** Slot by file and block. */
  readonly #slots = new Map<number, number>();
  readonly #keys: Float64Array;
  /** How many bytes of the block are there. */
  readonly #lengths: Uint16Array;
  readonly #used: Uint8Array;
  #files = 0;
  #taken = 0;
  #hand = 0;

  constructor(bytesMax: number) {
    this.#slotsMax = Math.floor(bytesMax / BLOCK_BYTES);
    assert(this.#slotsMax > 0, 'a cache has room for a block');
    this.#keys = new Float64Array(this.#slotsMax);
    this.#lengths = new Uint16Array(this.#slotsMax);
    this.#used = new Uint8Array(this.#slotsMax);
  }

  /** A number for a file's blocks. */
  register(): number {
    this.#files += 1;
    return this.#files;
  }

  /**
   * The bytes from `start` to `end` of a file's block: valid until the next call. `load` fills a block and tells how many bytes
   * there were; it is called again for a block that has grown. `null` where the file ends before `end`.
   */
  get(file: number, block: number, start: number, end: number, load: (block: Buffer) => number): Buffer | null {
    const key = file * FILE_BLOCKS + block;
    let slot = this.#slots.get(key);
    if (slot === undefined || this.#lengths[slot]! < end) {
      slot ??= this.#take(key);
      this.#lengths[slot] = load(this.#block(slot, 0, BLOCK_BYTES));
      if (this.#lengths[slot]! < end) return null;
    }
    this.#used[slot] = 1;
    return this.#block(slot, start, end);
  }

  /** Forgets all blocks. */
  clear(): void {
    this.#slots.clear();
    this.#taken = 0;
    this.#hand = 0;
    this.#chunks.length = 0;
  }

  #block(slot: number, start: number, end: number): Buffer {
    const at = (slot % CHUNK_BLOCKS) * BLOCK_BYTES;
    return this.#chunks[Math.floor(slot / CHUNK_BLOCKS)]!.subarray(at + start, at + end);
  }

  #take(key: number): number {
    const slot = this.#taken < this.#slotsMax ? this.#nextSlot() : this.#oldSlot();
    this.#keys[slot] = key;
    this.#lengths[slot] = 0;
    this.#slots.set(key, slot);
    return slot;
  }

  #nextSlot(): number {
    const slot = this.#taken;
    if (slot % CHUNK_BLOCKS === 0) this.#chunks.push(Buffer.allocUnsafeSlow(CHUNK_BLOCKS * BLOCK_BYTES));
    this.#taken += 1;
    return slot;
  }

  /** The first one that was not used since the hand last passed. */
  #oldSlot(): number {
    while (this.#used[this.#hand] === 1) {
      this.#used[this.#hand] = 0;
      this.#hand = (this.#hand + 1) % this.#slotsMax;
    }
    const slot = this.#hand;
    this.#hand = (slot + 1) % this.#slotsMax;
    this.#slots.delete(this.#keys[slot]!);
    return slot;
  }
}
