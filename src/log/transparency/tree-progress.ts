const SYNCED = 0;
const WANTED = 1;
const SIGNAL = 0;
const IDLE = 1;
const CLOSING = 2;

/** What the main thread tells the tree's thread through shared memory: how far to go, and when to stop. */
export class TreeProgress {
  readonly memory: SharedArrayBuffer;
  readonly #offsets: BigInt64Array;
  readonly #words: Int32Array;

  constructor(memory = new SharedArrayBuffer(32)) {
    this.memory = memory;
    this.#offsets = new BigInt64Array(memory, 0, 2);
    this.#words = new Int32Array(memory, 16, 3);
  }

  get synced(): number {
    return Number(Atomics.load(this.#offsets, SYNCED));
  }

  /** Wakes the thread only where it has nothing to do: it works in batches, and looks by itself in between. */
  set synced(offset: number) {
    Atomics.store(this.#offsets, SYNCED, BigInt(offset));
    if (Atomics.load(this.#words, IDLE) === 1) this.#wake();
  }

  /** The highest offset that a reader waits for the signature of. */
  get wanted(): number {
    return Number(Atomics.load(this.#offsets, WANTED));
  }

  set wanted(offset: number) {
    Atomics.store(this.#offsets, WANTED, BigInt(offset));
    this.#wake();
  }

  get isClosing(): boolean {
    return Atomics.load(this.#words, CLOSING) === 1;
  }

  close(): void {
    Atomics.store(this.#words, CLOSING, 1);
    this.#wake();
  }

  /** What to hand to `wait`; take it before looking at the rest. */
  get signal(): number {
    return Atomics.load(this.#words, SIGNAL);
  }

  /** Blocks the thread until a reader waits, it is to stop, or the time is over. */
  wait(signal: number, timeoutMs: number): void {
    Atomics.wait(this.#words, SIGNAL, signal, timeoutMs);
  }

  /** Blocks the thread until there is anything at all to do. */
  waitIdle(signal: number, size: number): void {
    Atomics.store(this.#words, IDLE, 1);
    // Said before it was known that nobody listens.
    if (this.synced <= size) Atomics.wait(this.#words, SIGNAL, signal);
    Atomics.store(this.#words, IDLE, 0);
  }

  #wake(): void {
    Atomics.add(this.#words, SIGNAL, 1);
    Atomics.notify(this.#words, SIGNAL);
  }
}
