/** Bytes that were dear to make, by a name that says exactly what they are: whoever finds them need not make them. */
export interface Cache {
  /** `null` where they are not there, or nobody can tell now. */
  get(name: string): Promise<Buffer | null>;
  /** Keeps them for a while, where there is room; nobody waits for it. */
  set(name: string, bytes: Uint8Array, seconds: number): void;
}
