/** The keys used last, `null` for destroyed ones. Holds up to twice `sizeMax`: a newer half and an older one. */
export class RecentKeys {
  readonly #halfMax: number;
  #newer = new Map<string, Buffer | null>();
  #older = new Map<string, Buffer | null>();

  constructor(sizeMax: number) {
    this.#halfMax = sizeMax;
  }

  get(subject: string): Buffer | null | undefined {
    const newer = this.#newer.get(subject);
    if (newer !== undefined) return newer;
    const older = this.#older.get(subject);
    if (older !== undefined) this.set(subject, older);
    return older;
  }

  set(subject: string, key: Buffer | null): void {
    this.#newer.set(subject, key);
    if (this.#newer.size <= this.#halfMax) return;
    this.#older = this.#newer;
    this.#newer = new Map();
  }

  delete(subject: string): void {
    this.#newer.delete(subject);
    this.#older.delete(subject);
  }

  clear(): void {
    this.#newer.clear();
    this.#older.clear();
  }
}
