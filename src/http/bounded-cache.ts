/**
 * Values by key, bounded by bytes: what was used since the last half was filled stays, the rest is forgotten. Cheaper a
 * hit than a list in order of use.
 */
export class BoundedCache<Value> {
  readonly #bytesMax: number;
  #recent = new Map<string, { readonly value: Value; readonly bytes: number }>();
  #older = new Map<string, { readonly value: Value; readonly bytes: number }>();
  #recentBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(key: string): Value | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent.value;
    const older = this.#older.get(key);
    if (older === undefined) return undefined;
    this.#older.delete(key);
    this.set(key, older.value, older.bytes);
    return older.value;
  }

  /** Keeps the value, unless it alone would take more than a quarter of the room. */
  set(key: string, value: Value, bytes: number): void {
    this.delete(key);
    const cost = bytes + key.length * 2 + 200;
    if (cost > this.#bytesMax / 4) return;
    if (this.#recentBytes + cost > this.#bytesMax / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#recentBytes = 0;
    }
    this.#recent.set(key, { value, bytes });
    this.#recentBytes += cost;
  }

  delete(key: string): void {
    const recent = this.#recent.get(key);
    if (recent !== undefined) this.#recentBytes -= recent.bytes + key.length * 2 + 200;
    this.#recent.delete(key);
    this.#older.delete(key);
  }
}
