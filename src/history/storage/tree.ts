import { closeSync, openSync } from 'node:fs';
import { type Database, open, type RangeOptions, type RootDatabase } from 'lmdb';
import { extendToWhole } from '#log/embedded/lmdb-file.ts';
import { assert } from '../../assert.ts';
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

  range(range: RowRange, snapshot: Snapshot = null): Iterable<Row> {
    return this.#database.getRange(inSnapshot(boundsOf(range), snapshot));
  }

  keys(range: RowRange, snapshot: Snapshot = null): Iterable<TreeKey> {
    return this.#database.getKeys(inSnapshot(boundsOf(range), snapshot));
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

  /** Within `Trees.write` only. */
  removeRange(range: RowRange): void {
    // Gathered first: what is removed would move the cursor.
    for (const key of [...this.keys(range)]) this.#database.remove(key);
  }

  drop(): void {
    this.#database.dropSync();
  }
}

/** The LMDB environment that holds all trees of all projections: one writing thread, any reading. */
export class Trees {
  readonly #root: RootDatabase<Buffer, string>;
  readonly #trees = new Map<string, Tree>();
  /** Of the file, where it is written. */
  readonly #descriptor: number | null;

  constructor(path: string, { readOnly }: { readOnly: boolean }) {
    // The defaults of LMDB's durability stay: a commit is ordered before the next, and flushed right after.
    this.#root = open(path, { ...OPTIONS, maxDbs: DBS_MAX, ...(readOnly ? { readOnly } : { overlappingSync: true }) });
    this.#descriptor = readOnly ? null : openSync(path, 'r+');
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
    assert(this.#descriptor !== null, 'the trees were opened for writing');
    this.#root.transactionSync(write, ABORTABLE_FLUSHED_LATER);
    extendToWhole(this.#descriptor);
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
    if (this.#descriptor !== null) closeSync(this.#descriptor);
  }
}

function boundsOf({ low, high, descending = false }: RowRange): RangeOptions {
  return descending
    ? { start: high, exclusiveStart: true, end: low, inclusiveEnd: true, reverse: true }
    : { start: low, end: high };
}

function inSnapshot(bounds: RangeOptions, snapshot: Snapshot): RangeOptions {
  // The declared type asks for lmdb's own class, which a snapshot is.
  return snapshot === null ? bounds : { ...bounds, transaction: snapshot as never };
}
