import { join } from 'node:path';
import type { RecordedEvent } from '#events/event.ts';
import type { LogReader } from '#log/log-reader.ts';
import { errors, type StrataError } from '../../errors.ts';
import { type IndexCheckpoint, IndexStore, isRemembered, type KeyEntry } from './index-store.ts';
import { type StreamTail, StreamTails } from './stream-tails.ts';

/** What waits to be written into the trees: it is read again from the log at the next start. */
const UNINDEXED_EVENTS_MAX = 250_000;
/** Streams and keys that wait: each costs memory, and a write into the trees. */
const UNINDEXED_ENTRIES_MAX = 32_000;
/** Events looked at between two turns of the event loop while the index is made again. */
const CATCH_UP_EVENTS = 16_000;

const NONE: readonly number[] = [];

/** The offsets of consecutive revisions of a stream, the first being `firstRevision`. */
export type OffsetList = { readonly firstRevision: number; readonly offsets: readonly number[] };

export type StreamIndexOptions = {
  readonly store: IndexStore;
  readonly reader: LogReader;
  readonly intervalMs: number;
  /** Resolves when all that was `synced` before is on the disk itself: the trees must never know more than the log. */
  readonly durable: () => Promise<void>;
  readonly report: (message: string) => void;
};

/** Opens the index's trees in the log's folder. */
export function openIndexStore(dir: string, report: (message: string) => void): IndexStore {
  return IndexStore.open(join(dir, 'index'), report);
}

/**
 * Finds the events of a stream, and the write that an idempotency key made. What was synced lately is in memory; every so
 * often it goes into the trees, with a checkpoint that is verified against the log at the next start.
 */
export class StreamIndex {
  readonly #store: IndexStore;
  readonly #reader: LogReader;
  readonly #options: StreamIndexOptions;
  readonly #tails: StreamTails;
  /** Tails with offsets that the trees lack. */
  #touched: StreamTail[] = [];
  /** Keyed writes that the trees lack, by key and stream, oldest first. */
  #keys = new Map<string, KeyEntry>();
  #writingKeys: ReadonlyMap<string, KeyEntry> = new Map();
  #synced = 0;
  #syncedAt = 0;
  #unindexed = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #broken: StrataError | null = null;

  private constructor(options: StreamIndexOptions) {
    const { store, reader } = options;
    this.#options = options;
    this.#store = store;
    this.#reader = reader;
    this.#tails = new StreamTails((stream) => this.#trust(() => store.lastRevision(stream)));
  }

  /** Brings the index up to `head`: from its checkpoint, or from the beginning when that is not one of this log. */
  static async open(head: number, options: StreamIndexOptions): Promise<StreamIndex> {
    const index = new StreamIndex(options);
    try {
      await index.#catchUp(await index.#verified(head), head);
      return index;
    } catch (error) {
      if (index.#broken === null) throw error;
      // What the trees say does not fit the log: once more, from nothing.
      await options.store.clear();
      const again = new StreamIndex(options);
      await again.#catchUp(0, head);
      return again;
    }
  }

  /** The stream as of its last enqueued write. @throws log.corrupt when the index is damaged. */
  tail(stream: string): StreamTail {
    return this.#tails.get(stream);
  }

  /** Why the index cannot be trusted, or `null`. */
  get fault(): StrataError | null {
    return this.#broken;
  }

  /** Takes in that a write's events, which were enqueued, are synced now. */
  synced(tail: StreamTail, events: readonly RecordedEvent[]): void {
    tail.unsynced -= events.length;
    this.#add(tail, events[0]!.offset, events.length);
    const { keyMark, stream, offset, recordedAt } = events[0]!;
    if (keyMark !== null) this.#addKey({ stream, key: keyMark.key, offset, at: recordedAt });
    this.#synced = offset + events.length - 1;
    this.#syncedAt = recordedAt;
    this.#schedule();
  }

  /** Offsets from the revision on, as many as stand together; `null` where the stream has no such synced revision. */
  list(stream: string, revision: number): OffsetList | null {
    const tail = this.tail(stream);
    if (revision < 0 || revision > tail.lastSynced) return null;
    if (revision >= tail.firstHere) return { firstRevision: tail.firstHere, offsets: tail.offsetsHere };
    const list = this.#trust(() => this.#store.list(stream, revision));
    if (list === null) throw this.distrust(`the index lacks revision ${revision} of ${stream}`);
    return { firstRevision: list.firstRevision, offsets: list.offsets() };
  }

  /** The first offset of the synced write that the key made in the stream, or `null`. */
  keyOffset(stream: string, key: string): number | null {
    const recent = this.#keys.get(key + stream) ?? this.#writingKeys.get(key + stream);
    return recent?.offset ?? this.#trust(() => this.#store.keyOffset(stream, key, this.#syncedAt));
  }

  /** Makes the next start build the index again; the error to throw. */
  distrust(why: string): StrataError {
    if (this.#broken === null) {
      this.#options.report(`the stream index is damaged, and is made again at the next start: ${why}`);
      void this.#store
        .distrust()
        .catch((error) => this.#options.report(`the stream index cannot be written: ${error}`));
    }
    this.#broken = errors.error('log.corrupt', `the stream index is damaged, a restart makes it again: ${why}`);
    return this.#broken;
  }

  /** Resolves when the log may grow: at once, unless the trees are so far behind that memory would fill. */
  async room(): Promise<void> {
    if (this.#isFull && this.#writing !== null) await this.#writing;
  }

  /** Writes what the trees lack. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#writing !== null) await this.#writing;
    if (this.#unindexed === 0 || this.#broken !== null) return;
    this.#writing = this.#write();
    await this.#writing;
  }

  async close(): Promise<void> {
    await this.flush();
    this.#broken ??= errors.error('log.closed', 'the log is closed');
    await this.#store.close();
  }

  get #isFull(): boolean {
    const entries = this.#touched.length + this.#keys.size;
    return this.#unindexed >= UNINDEXED_EVENTS_MAX || entries >= UNINDEXED_ENTRIES_MAX;
  }

  /** The offset up to which the trees are this log's; 0 when they are not. */
  async #verified(head: number): Promise<number> {
    const { checkpoint } = this.#store;
    const { id, epoch } = this.#reader;
    if (checkpoint !== null) {
      const { offset } = checkpoint;
      const isThisLogs = checkpoint.logId === id && checkpoint.epoch === epoch;
      if (isThisLogs && offset <= head && this.#reader.hashAt(offset) === checkpoint.eventHash) return offset;
      const why = !isThisLogs
        ? 'is of another log'
        : offset > head
          ? `knew the log up to ${offset}`
          : 'knew another log';
      this.#options.report(`the log ends at ${head}, and the stream index ${why}: it is made again from the log`);
    }
    await this.#store.clear();
    return 0;
  }

  async #catchUp(from: number, head: number): Promise<void> {
    for (let after = from; after < head; ) {
      const to = Math.min(head, after + CATCH_UP_EVENTS);
      this.#reader.visit(after, to, (event) => this.#catchUpWith(event));
      after = to;
      if (this.#isFull) await this.flush();
    }
    this.#synced = head;
    this.#syncedAt = head === 0 ? 0 : this.#reader.at(head).recordedAt;
    // Not only for the next start: the checkpoint proves to others what the recovery made durable.
    if (this.#unindexed > 0) this.#schedule();
  }

  #catchUpWith(event: RecordedEvent): void {
    const { stream, revision, offset, recordedAt, keyMark } = event;
    const tail = this.#tails.get(stream);
    // A write's first event stands for it.
    if (keyMark !== null && !this.#keys.has(keyMark.key + stream)) {
      this.#addKey({ stream, key: keyMark.key, offset, at: recordedAt });
    }
    // A write of the trees that was interrupted before its checkpoint has the offset already, and may lack the key.
    if (revision <= tail.revision) {
      const list = this.list(stream, revision);
      if (list?.offsets[revision - list.firstRevision] !== offset) throw this.distrust(`it misplaces ${stream}`);
      return;
    }
    if (revision !== tail.revision + 1) throw this.distrust(`${stream} has no revision before ${revision}`);
    tail.revision = revision;
    this.#add(tail, offset, 1);
    this.#synced = offset;
    this.#syncedAt = recordedAt;
  }

  #add(tail: StreamTail, firstOffset: number, count: number): void {
    if (tail.offsets.length === 0) this.#touched.push(tail);
    for (let at = 0; at < count; at += 1) tail.offsets.push(firstOffset + at);
    this.#unindexed += count;
  }

  #addKey(entry: KeyEntry): void {
    this.#keys.set(entry.key + entry.stream, entry);
  }

  #schedule(): void {
    if (this.#isFull && this.#writing === null) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), this.#options.intervalMs).unref();
  }

  async #write(): Promise<void> {
    const { reader, durable, report } = this.#options;
    const [touched, keys, offset, at] = [this.#touched, this.#keys, this.#synced, this.#syncedAt];
    this.#touched = [];
    this.#writingKeys = keys;
    this.#keys = new Map();
    this.#unindexed = 0;
    for (const tail of touched) {
      tail.indexing = tail.offsets;
      tail.offsets = [];
    }
    try {
      await durable();
      const eventHash = reader.hashAt(offset);
      const checkpoint: IndexCheckpoint = { format: 1, logId: reader.id, epoch: reader.epoch, offset, eventHash };
      // There is a tree a week: of a log of years that is read again, most are forgotten already.
      const remembered = [...keys.values()].filter((entry) => isRemembered(entry, at));
      await this.#store.write(touched, remembered, checkpoint);
      for (const tail of touched) tail.indexing = NONE;
      await this.#store.dropOldKeys(at);
    } catch (error) {
      report(`the stream index could not be written, and is kept in memory meanwhile: ${error}`);
      this.#keys = new Map([...keys, ...this.#keys]);
      for (const tail of touched) {
        if (tail.indexing.length === 0) continue;
        if (tail.offsets.length === 0) this.#touched.push(tail);
        tail.offsets = [...tail.indexing, ...tail.offsets];
        this.#unindexed += tail.indexing.length;
        tail.indexing = NONE;
      }
    } finally {
      this.#writingKeys = new Map();
      this.#writing = null;
    }
  }

  /** Runs what reads the trees. */
  #trust<Value>(read: () => Value): Value {
    if (this.#broken !== null) throw this.#broken;
    try {
      return read();
    } catch (error) {
      throw this.distrust(String(error));
    }
  }
}
