import { hash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Database, open, type RootDatabase } from 'lmdb';
import { readNumber, writeNumber } from '#events/event-layout.ts';
import { assert } from '../../assert.ts';
import { requireWholeTree } from './lmdb-file.ts';
import { Postings } from './postings.ts';
import type { StreamTail } from './stream-tails.ts';

const FORMAT = 1;
const CHECKPOINT = 'checkpoint';
const STREAM_HASH_BYTES = 16;
const KEY_HASH_BYTES = 16;
const NUMBER_BYTES = 6;
/** A list that is longer is closed, and the next offsets begin another. */
const LIST_BYTES_MAX = 1024;
const LIST_OFFSETS_MAX = 512;
/** Entries written between two turns of the event loop: a few ms. */
const ENTRIES_A_TURN = 500;
/** More than the entries of one write. */
const INDEX_RANGE = 2 ** 20;
const WEEK_MS = 7 * 24 * 3600 * 1000;

/** Up to where the index is complete, and of what log: the event at `offset` must have this hash there. */
export type IndexCheckpoint = {
  readonly format: typeof FORMAT;
  readonly logId: string;
  readonly epoch: number;
  readonly offset: number;
  readonly eventHash: string;
};

/**
 * The index in a folder, to be read beside the process that writes it; `null` where there is none that can be read: it is
 * derived data, which a start makes again.
 */
export function readIndexStore(dir: string): IndexStore | null {
  const path = join(dir, 'data.mdb');
  if (!existsSync(path)) return null;
  try {
    requireWholeTree(path);
    return IndexStore.reading(dir);
  } catch {
    return null;
  }
}

export type KeyEntry = { readonly stream: string; readonly key: string; readonly offset: number; readonly at: number };

/**
 * Where each stream's events lie, and which write each idempotency key made: LMDB trees, derived from the log. A stream's
 * open posting list stands under the stream's hash; its closed ones under hash and first revision. Keys stand in a tree a
 * week, of which this week's and the last one's are kept.
 */
export class IndexStore {
  readonly #root: RootDatabase;
  readonly #meta: Database<string, string>;
  readonly #lists: Database<Buffer, Buffer>;
  readonly #keys = new Map<number, Database<Buffer, Buffer>>();
  #droppedIn = Number.NaN;

  private constructor(root: RootDatabase) {
    this.#root = root;
    this.#meta = this.#root.openDB({ name: 'meta', encoding: 'string' });
    this.#lists = this.#root.openDB({ name: 'streams', encoding: 'binary', keyEncoding: 'binary' });
  }

  /** Opens the index in a folder of its own; a folder that cannot be opened is made again. */
  static open(dir: string, report: (message: string) => void): IndexStore {
    try {
      requireWholeTree(join(dir, 'data.mdb'));
      return IndexStore.#writing(dir);
    } catch (error) {
      report(`the stream index could not be opened, and is made again from the log: ${error}`);
      rmSync(dir, { recursive: true, force: true });
      return IndexStore.#writing(dir);
    }
  }

  /** @throws Error where the trees cannot be opened. */
  static reading(dir: string): IndexStore {
    const store = new IndexStore(open({ path: dir, maxDbs: 64, readOnly: true }));
    // A tree that is not there yet is none, whatever its type says.
    assert(store.#meta && store.#lists, 'a stream index has its trees');
    return store;
  }

  static #writing(dir: string): IndexStore {
    // Its own overlapping sync keeps the trees consistent through a crash; how far they were synced does not matter.
    return new IndexStore(open({ path: dir, maxDbs: 64, overlappingSync: true }));
  }

  get checkpoint(): IndexCheckpoint | null {
    const text = this.#meta.get(CHECKPOINT);
    if (text === undefined) return null;
    const checkpoint = JSON.parse(text) as IndexCheckpoint;
    return checkpoint.format === FORMAT ? checkpoint : null;
  }

  /** The last revision that the index has; -1 for none. @throws Error for a damaged entry. */
  lastRevision(stream: string): number {
    const bytes = this.#lists.get(streamKey(stream));
    return bytes === undefined ? -1 : Postings.read(bytes).lastRevision;
  }

  /** The list with the revision, or `null` where the index has not got it. @throws Error for a damaged entry. */
  list(stream: string, revision: number): Postings | null {
    const key = streamKey(stream);
    const bytes = this.#lists.get(key);
    if (bytes === undefined) return null;
    const openList = Postings.read(bytes);
    if (revision >= openList.firstRevision) return revision <= openList.lastRevision ? openList : null;
    const closed = this.#lists.getRange({ start: listKey(key, revision), end: key, reverse: true, limit: 1 });
    for (const { value } of closed) {
      const list = Postings.read(value);
      return revision >= list.firstRevision && revision <= list.lastRevision ? list : null;
    }
    return null;
  }

  /** The first offset of the write that the key made in the stream, or `null`. `now` is the log's time. */
  keyOffset(stream: string, key: string, now: number): number | null {
    const name = keyName(stream, key);
    for (const week of [weekOf(now), weekOf(now) - 1]) {
      const bytes = this.#tree(week).get(name);
      if (bytes !== undefined) return readNumber(bytes, 0);
    }
    return null;
  }

  /**
   * Takes in the offsets that these tails are `indexing`, and the keys; then the checkpoint. Resolves when all of it can be
   * read here. Safe to repeat: what the lists have already is skipped.
   */
  async write(tails: readonly StreamTail[], keys: readonly KeyEntry[], checkpoint: IndexCheckpoint): Promise<void> {
    await writeInTreeOrder(
      tails,
      ({ stream }) => streamKey(stream),
      (tail, key) => this.#writeTail(tail, key),
    );
    await writeInTreeOrder(
      keys,
      ({ stream, key }) => keyName(stream, key),
      ({ offset, at }, name) => [this.#tree(weekOf(at)).put(name, numberBytes(offset))],
    );
    await this.#meta.put(CHECKPOINT, JSON.stringify(checkpoint));
  }

  /** Forgets the keys of the weeks before the last one, once a week. */
  async dropOldKeys(now: number): Promise<void> {
    const week = weekOf(now);
    if (week === this.#droppedIn) return;
    await this.#dropKeys((other) => other < week - 1);
    this.#droppedIn = week;
  }

  /** Makes the next start build the index again. */
  async distrust(): Promise<void> {
    await this.#meta.remove(CHECKPOINT);
  }

  /** Empties the index. */
  async clear(): Promise<void> {
    await this.#meta.clearAsync();
    await this.#lists.clearAsync();
    await this.#dropKeys(() => true);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  #writeTail({ indexing, firstHere }: StreamTail, key: Buffer): Promise<boolean>[] {
    const bytes = this.#lists.get(key);
    let list = bytes === undefined ? null : Postings.read(bytes);
    // A write that was interrupted before its checkpoint has left some of these here.
    const indexed = list?.lastOffset ?? 0;
    const known = indexing.filter((offset) => offset <= indexed).length;
    const offsets = known === 0 ? indexing : indexing.slice(known);
    const writes: Promise<boolean>[] = [];
    let revision = firstHere + known;
    for (let from = 0; from < offsets.length; from += LIST_OFFSETS_MAX) {
      const added = offsets.slice(from, from + LIST_OFFSETS_MAX);
      if (list !== null && list.bytes.length >= LIST_BYTES_MAX) {
        writes.push(this.#lists.put(listKey(key, list.firstRevision), list.bytes));
        list = null;
      }
      list = list === null ? Postings.of(revision, added) : list.with(added);
      revision += added.length;
    }
    if (list !== null && offsets.length > 0) writes.push(this.#lists.put(key, list.bytes));
    return writes;
  }

  async #dropKeys(isDropped: (week: number) => boolean): Promise<void> {
    for (const name of [...this.#root.getKeys()]) {
      const week = /^keys-([0-9]+)$/.exec(String(name))?.[1];
      if (week === undefined || !isDropped(Number(week))) continue;
      await this.#tree(Number(week)).drop();
      this.#keys.delete(Number(week));
    }
  }

  #tree(week: number): Database<Buffer, Buffer> {
    let tree = this.#keys.get(week);
    if (tree === undefined) {
      tree = this.#root.openDB<Buffer, Buffer>({ name: `keys-${week}`, encoding: 'binary', keyEncoding: 'binary' });
      this.#keys.set(week, tree);
    }
    return tree;
  }
}

/**
 * Writes entries in the order of their keys: those that share a page of the tree share its copy too, which makes random
 * keys three times as fast. Not one transaction after the other: LMDB's thread takes together what waits for it.
 */
async function writeInTreeOrder<Entry>(
  entries: readonly Entry[],
  keyOf: (entry: Entry) => Buffer,
  write: (entry: Entry, key: Buffer) => readonly Promise<boolean>[],
): Promise<void> {
  const keys: Buffer[] = [];
  // Sorted as numbers, without a call for each comparison: the key's first 4 bytes, then the entry's index.
  const order = new Float64Array(entries.length);
  for (let at = 0; at < entries.length; at += 1) {
    const key = keyOf(entries[at]!);
    keys.push(key);
    order[at] = key.readUInt32BE(0) * INDEX_RANGE + at;
    if (at % ENTRIES_A_TURN === ENTRIES_A_TURN - 1) await setImmediate();
  }
  order.sort();
  const writes: Promise<PromiseSettledResult<boolean>[]>[] = [];
  for (let from = 0; from < order.length; from += ENTRIES_A_TURN) {
    const turn: Promise<boolean>[] = [];
    for (const place of order.subarray(from, from + ENTRIES_A_TURN)) {
      const at = place % INDEX_RANGE;
      turn.push(...write(entries[at]!, keys[at]!));
    }
    // Settled, so that one that fails meanwhile is not called unhandled.
    writes.push(Promise.allSettled(turn));
    await setImmediate();
  }
  for (const written of writes) {
    for (const result of await written) if (result.status === 'rejected') throw result.reason;
  }
}

/** True for a key that is kept when the log has come to `now`: of this week or the last one. */
export function isRemembered({ at }: KeyEntry, now: number): boolean {
  return weekOf(at) >= weekOf(now) - 1;
}

function weekOf(timeMs: number): number {
  return Math.floor(timeMs / WEEK_MS);
}

function streamKey(stream: string): Buffer {
  return hash('sha256', stream, 'buffer').subarray(0, STREAM_HASH_BYTES);
}

/** Sorts after the stream's own key, by revision. */
function listKey(streamKey: Buffer, firstRevision: number): Buffer {
  const key = Buffer.alloc(STREAM_HASH_BYTES + NUMBER_BYTES);
  streamKey.copy(key);
  key.writeUIntBE(firstRevision, STREAM_HASH_BYTES, NUMBER_BYTES);
  return key;
}

function keyName(stream: string, key: string): Buffer {
  const name = Buffer.alloc(KEY_HASH_BYTES + STREAM_HASH_BYTES);
  name.write(key, 'hex');
  streamKey(stream).copy(name, KEY_HASH_BYTES);
  return name;
}

function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(NUMBER_BYTES);
  writeNumber(bytes, 0, value);
  return bytes;
}
