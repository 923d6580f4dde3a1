import { type Database, open, type RangeOptions, type RootDatabase } from 'lmdb';
import type { TreeKey } from './tree-key.ts';

/** A snapshot that reads go through; `null` reads what was last committed by this thread. */
export type Snapshot = { done(): void } | null;

export type Row = { readonly key: TreeKey; readonly value: Buffer };

export type RowRange = {
  /** Included; not empty. */
  readonly low: TreeKey;
  /** Excluded. */
  readonly high: TreeKey;
  readonly descending?: boolean;
};

const keyEncoder = {
  writeKey: (key: TreeKey, target: Buffer, start: number) => start + target.write(key, start, 'latin1'),
  readKey: (source: Buffer, start: number, end: number) => source.toString('latin1', start, end),
};

const OPTIONS = { encoding: 'binary', keyEncoder } as const;
/** lmdb's flags: abortable, committed on return, flushed to disk afterwards. */
const ABORTABLE_FLUSHED_LATER: number = 0x10003;
const DBS_MAX = 512;

// lmdb's own declarations leave out that a fast read takes a transaction.
type ReadableDatabase = Database<Buffer, string> & {
  getBinaryFast(key: TreeKey, options?: { transaction: Snapshot }): Buffer | undefined;
};

/** One LMDB tree of binary keys and values. */
export class Tree {
  readonly name: string;
  readonly #database: ReadableDatabase;

  constructor(name: string, database: Database<Buffer, string>) {
    this.name = name;
    this.#database = database as ReadableDatabase;
  }

  /** The value, on memory that the next read overwrites. */
  get(key: TreeKey, snapshot: Snapshot = null): Buffer | undefined {
    return snapshot === null
      ? this.#database.getBinaryFast(key)
      : this.#database.getBinaryFast(key, { transaction: snapshot });
  }

  range({ low, high, descending = false }: RowRange, snapshot: Snapshot = null): Iterable<Row> {
    const bounds = descending
      ? { start: high, exclusiveStart: true, end: low, inclusiveEnd: true, reverse: true }
      : { start: low, end: high };
    return this.#database.getRange(inSnapshot(bounds, snapshot));
  }

  /** The last row from `low` to `high`, both included. */
  last({ low, high }: RowRange, snapshot: Snapshot = null): Row | null {
    const bounds = { start: high, end: low, inclusiveEnd: true, reverse: true, limit: 1 };
    for (const row of this.#database.getRange(inSnapshot(bounds, snapshot))) return row;
    return null;
  }

  /** Within `Trees.write` only. The value's memory may be used again at once. */
  put(key: TreeKey, value: Buffer): void {
    this.#database.put(key, value);
  }

  /** Within `Trees.write` only. */
  remove(key: TreeKey): void {
    this.#database.remove(key);
  }

  drop(): void {
    this.#database.dropSync();
  }
}

/** The LMDB environment that holds all trees of all projections: one writing thread, any reading. */
export class Trees {
  readonly #root: RootDatabase<Buffer, string>;
  readonly #trees = new Map<string, Tree>();

  constructor(path: string, { readOnly }: { readOnly: boolean }) {
    // The defaults of LMDB's durability stay: a commit is ordered before the next, and flushed right after.
    this.#root = open(path, { ...OPTIONS, maxDbs: DBS_MAX, ...(readOnly ? { readOnly } : { overlappingSync: true }) });
  }

  tree(name: string): Tree {
    let tree = this.#trees.get(name);
    if (tree === undefined) {
      tree = new Tree(name, this.#root.openDB<Buffer, string>(name, OPTIONS));
      this.#trees.set(name, tree);
    }
    return tree;
  }

  /** Everything that `write` puts is committed at once, or nothing is. The flush to disk follows by itself. */
  write(write: () => void): void {
    this.#root.transactionSync(write, ABORTABLE_FLUSHED_LATER);
  }

  drop(name: string): void {
    this.tree(name).drop();
    this.#trees.delete(name);
  }

  /** The last commit, held until `done`. */
  snapshot(): Snapshot {
    this.#root.resetReadTxn();
    return this.#root.useReadTransaction();
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

function inSnapshot(bounds: RangeOptions, snapshot: Snapshot): RangeOptions {
  // The declared type asks for lmdb's own class, which a snapshot is.
  return snapshot === null ? bounds : { ...bounds, transaction: snapshot as never };
}
