/** Bytes under construction, written into `bytes` directly from `length` on; grows by doubling and is used again. */
export class GrowingBuffer {
  bytes: Buffer;
  length = 0;

  constructor(sizeBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(sizeBytes);
  }

  /** Makes room for `sizeBytes` more. What was read from `bytes` before is on other memory then. */
  reserve(sizeBytes: number): void {
    const needed = this.length + sizeBytes;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  /** The bytes so far, on the same memory: valid until the next write. */
  view(): Buffer {
    return this.bytes.subarray(0, this.length);
  }
}
