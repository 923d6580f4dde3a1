import { assert } from '../../assert.ts';

/** Bytes under construction: grows by doubling, is used again after `clear`. */
export class ByteWriter {
  bytes: Buffer;
  length = 0;

  constructor(sizeBytes = 256) {
    // Not from the shared pool: LMDB keeps an address per ArrayBuffer.
    this.bytes = Buffer.allocUnsafeSlow(sizeBytes);
  }

  clear(): this {
    this.length = 0;
    return this;
  }

  /** Makes room for `sizeBytes` more; call it before writing into `bytes` directly. */
  reserve(sizeBytes: number): void {
    const needed = this.length + sizeBytes;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** LEB128, seven bits a byte and lowest first, for integers from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.reserve(8);
    this.length = putVarint(this.bytes, this.length, value);
  }

  append(source: Uint8Array, start = 0, end = source.length): void {
    this.reserve(end - start);
    this.bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** A text of characters below 256, a byte each. */
  latin1(text: string): void {
    this.reserve(text.length);
    this.length += this.bytes.write(text, this.length, 'latin1');
  }

  /** The bytes so far, on the same memory: valid until the next write. */
  view(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  copy(): Buffer {
    return Buffer.from(this.view());
  }
}

/** Writes at `at`, where 8 bytes must be free, and returns where it ends. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest >= 0x80) {
    // Bitwise operators would cut numbers above 2^31.
    bytes[at++] = rest < 0x80000000 ? (rest & 0x7f) | 0x80 : (rest % 0x80) + 0x80;
    rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}

/** Reads what a ByteWriter wrote. */
export class ByteReader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    assert(this.at < this.bytes.length, 'a record ends where its fields do');
    return this.bytes[this.at++]!;
  }

  varint(): number {
    let value = this.byte();
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let scale = 0x80; ; scale *= 0x80) {
      const next = this.byte();
      value += (next & 0x7f) * scale;
      if (next < 0x80) return value;
    }
  }
}
