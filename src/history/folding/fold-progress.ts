const SYNCED = 0;
const WANTED = 1;
const STATE = 0;
const TILES = 1;
const HANDED = 2;
const ORDERS = 3;
const PRESSED = 4;
const RUNNING = 1;
const CLOSING = 2;

/**
 * What the main thread and the fold tell each other through shared memory: how far the log is synced, how far a reader
 * waits for, when to stop; and whether tiles are being changed right now.
 */
export class FoldProgress {
  readonly memory: SharedArrayBuffer;
  readonly #offsets: BigInt64Array;
  /** Counts what the main thread said, so that a word between looking and waiting is not missed. */
  readonly #signal: Int32Array;
  readonly #flags: Int32Array;

  constructor(memory = new SharedArrayBuffer(40)) {
    this.memory = memory;
    this.#offsets = new BigInt64Array(memory, 0, 2);
    this.#signal = new Int32Array(memory, 16, 1);
    this.#flags = new Int32Array(memory, 20, 5);
  }

  get synced(): number {
    return Number(Atomics.load(this.#offsets, SYNCED));
  }

  set synced(offset: number) {
    Atomics.store(this.#offsets, SYNCED, BigInt(offset));
    this.#wake();
  }

  /** The highest offset that a reader waits for. */
  get wanted(): number {
    return Number(Atomics.load(this.#offsets, WANTED));
  }

  set wanted(offset: number) {
    Atomics.store(this.#offsets, WANTED, BigInt(offset));
    this.#wake();
  }

  get isRunning(): boolean {
    return Atomics.load(this.#flags, STATE) === RUNNING;
  }

  get isClosing(): boolean {
    return Atomics.load(this.#flags, STATE) === CLOSING;
  }

  /** The reader has opened what it reads: folding may begin. */
  run(): void {
    Atomics.store(this.#flags, STATE, RUNNING);
    this.#wake();
  }

  close(): void {
    Atomics.store(this.#flags, STATE, CLOSING);
    this.#wake();
  }

  /** How many orders the main thread has sent as messages: a thread that folds looks for none unless it is told. */
  get orders(): number {
    return Atomics.load(this.#flags, ORDERS);
  }

  /** After the order was sent. */
  order(): void {
    Atomics.add(this.#flags, ORDERS, 1);
    this.#wake();
  }

  /** True while others need the machine more: a fold that nobody waits for gives way. */
  get isPressed(): boolean {
    return Atomics.load(this.#flags, PRESSED) === 1;
  }

  set isPressed(pressed: boolean) {
    Atomics.store(this.#flags, PRESSED, pressed ? 1 : 0);
  }

  /** What to hand to `wait`; take it before looking at the rest. */
  get signal(): number {
    return Atomics.load(this.#signal, 0);
  }

  /** Blocks the thread until the main thread says something after `signal` was taken, or the time is over. */
  wait(signal: number, timeoutMs: number): void {
    Atomics.wait(this.#signal, 0, signal, timeoutMs);
  }

  /** How many live tiles the fold has handed over: those of a commit before the commit. */
  get tilesHanded(): number {
    return Atomics.load(this.#flags, HANDED);
  }

  handTile(): void {
    Atomics.add(this.#flags, HANDED, 1);
  }

  /** Runs `change`, which changes live tiles: readers notice that they read meanwhile. */
  changeTiles(change: () => void): void {
    Atomics.add(this.#flags, TILES, 1);
    change();
    Atomics.add(this.#flags, TILES, 1);
  }

  /** Runs `read` on live tiles; false when they changed meanwhile, and what was read is of no position. */
  readTiles(read: () => void): boolean {
    const before = Atomics.load(this.#flags, TILES);
    if (before % 2 !== 0) return false;
    read();
    return Atomics.load(this.#flags, TILES) === before;
  }

  #wake(): void {
    Atomics.add(this.#signal, 0, 1);
    Atomics.notify(this.#signal, 0);
  }
}
