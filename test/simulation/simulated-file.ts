import type { Random } from './random.ts';

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

/**
 * A file as its process sees it, through the page cache, and as it is on the disk. Only sectors that were written since
 * the last sync may differ.
 */
export class SimulatedFile {
  #cached: Buffer;
  #onDisk: Buffer;
  readonly #dirty = new Set<number>();

  constructor(content = Buffer.alloc(0)) {
    this.#cached = content;
    this.#onDisk = content;
  }

  get content(): Buffer {
    return this.#cached;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    this.#cached = resized(this.#cached, Math.max(end, this.#cached.length));
    this.#cached.set(bytes, position);
    for (const sector of sectors(position, end)) this.#dirty.add(sector);
  }

  truncate(sizeBytes: number): void {
    const before = this.#cached.length;
    this.#cached = resized(this.#cached, sizeBytes);
    for (const sector of sectors(Math.min(before, sizeBytes), Math.max(before, sizeBytes))) this.#dirty.add(sector);
  }

  sync(): void {
    this.#onDisk = Buffer.from(this.#cached);
    this.#dirty.clear();
  }

  /** What O_DSYNC promises: this range, and the size that it needs. */
  syncRange(position: number, end: number): void {
    this.#onDisk = resized(this.#onDisk, Math.max(this.#onDisk.length, Math.min(end, this.#cached.length)));
    for (const sector of sectors(position, end)) this.#store(sector);
  }

  /**
   * A sync that fails: some sectors reached the disk, and the cache calls all of them clean, so that no later sync writes
   * them, while readers still see them (the `fsync` of Linux; Rebello et al., USENIX ATC 2020).
   */
  failSync(random: Random): void {
    this.#persistSome(random);
    this.#dirty.clear();
  }

  /** A power loss: what was not synced is there or not, sector by sector. */
  loseCache(random: Random): void {
    this.#persistSome(random);
    this.#dirty.clear();
    this.#cached = Buffer.from(this.#onDisk);
  }

  #persistSome(random: Random): void {
    if (this.#cached.length !== this.#onDisk.length && random.chance(0.5)) {
      this.#onDisk = resized(this.#onDisk, this.#cached.length);
    }
    const share = random.pick([0, 0.2, 0.8, 1]);
    for (const sector of [...this.#dirty]) if (random.chance(share)) this.#store(sector);
  }

  /** Copies a sector from the cache to the disk, as far as the size on the disk reaches. */
  #store(sector: number): void {
    const start = sector * SECTOR_BYTES;
    const end = Math.min(start + SECTOR_BYTES, this.#cached.length, this.#onDisk.length);
    if (start < end) this.#onDisk.set(this.#cached.subarray(start, end), start);
    this.#dirty.delete(sector);
  }
}

/** A copy of another size: what is new is zero. */
function resized(bytes: Buffer, size: number): Buffer {
  const copy = Buffer.alloc(size);
  bytes.copy(copy);
  return copy;
}

function* sectors(start: number, end: number): Iterable<number> {
  for (let sector = Math.floor(start / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector += 1) yield sector;
}
