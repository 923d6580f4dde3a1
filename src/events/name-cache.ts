const NAME_BYTES_MAX = 255;
const SLOT_SHIFT = 8;

/**
 * Strings by their bytes: names that come again and again in events are made into strings once. Direct-mapped and
 * bounded; a name that shares its slot with another is made anew.
 */
export class NameCache {
  readonly #bytes: Uint8Array;
  readonly #lengths: Uint8Array;
  readonly #names: string[];
  readonly #mask: number;

  /** `slots` is a power of two. */
  constructor(slots: number) {
    this.#bytes = new Uint8Array(slots << SLOT_SHIFT);
    this.#lengths = new Uint8Array(slots);
    this.#names = new Array<string>(slots).fill('');
    this.#mask = slots - 1;
  }

  /** The UTF-8 text of `length` (0-255) bytes from `start`. */
  get(source: Buffer, start: number, length: number): string {
    // Names differ at their ends: `tile-place-3-7`, `photo-<hash>`.
    let mixed = length;
    const end = start + length;
    for (let at = Math.max(start, end - 8); at < end; at += 1) mixed = (Math.imul(mixed, 33) + source[at]!) | 0;
    const slot = (mixed ^ (mixed >>> 15)) & this.#mask;
    if (this.#lengths[slot] === length && this.#equals(slot << SLOT_SHIFT, source, start, length)) {
      return this.#names[slot]!;
    }
    return this.#put(slot, source, start, length);
  }

  #equals(base: number, source: Buffer, start: number, length: number): boolean {
    const bytes = this.#bytes;
    for (let at = 0; at < length; at += 1) {
      if (bytes[base + at] !== source[start + at]) return false;
    }
    return true;
  }

  #put(slot: number, source: Buffer, start: number, length: number): string {
    const name = source.toString('utf8', start, start + length);
    if (length > NAME_BYTES_MAX) return name;
    source.copy(this.#bytes, slot << SLOT_SHIFT, start, start + length);
    this.#lengths[slot] = length;
    this.#names[slot] = name;
    return name;
  }
}
