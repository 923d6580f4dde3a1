import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Codec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import type { GrowingBuffer } from '#events/growing-buffer.ts';
import { formatPosition, type Position } from '#events/position.ts';
import { assert } from '../../assert.ts';
import { errors, StrataError } from '../../errors.ts';
import type { Appended, Batch, EventLog, LogRange, NotAppended, OwnedBy, StreamRange, Write } from '../event-log.ts';
import type { LogReader } from '../log-reader.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { LiveTail } from './live-tail.ts';
import { PendingGroup } from './pending-group.ts';
import { recoverTail } from './recovery.ts';
import { listSegments } from './segment-list.ts';
import { SegmentReader } from './segment-reader.ts';
import { SegmentWriter } from './segment-writer.ts';
import { StreamIndex } from './stream-index.ts';

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const WRITE_BYTES_MAX = 256 * 1024;
const WRITE_EVENTS_MAX = 1000;
/** Bytes that may wait for the group in flight; beyond it, `server.busy`. */
const PENDING_BYTES_MAX = 64 * 1024 * 1024;
const INDEX_INTERVAL_MS = 100;
/** Events handed on at once when reading from files. */
const READ_EVENTS = 1024;
/** Events indexed in one transaction when the index is made again. */
const INDEXED_AT_ONCE = 100_000;
/** Streams whose enqueued revision is kept; what is dropped is found in the index again. */
const REVISIONS_KEPT_MAX = 100_000;

export type EmbeddedLogOptions = {
  /** Made if it is missing. */
  readonly dir: string;
  readonly codec: Codec;
  /** `os` acknowledges before the sync: a crash of the machine may lose what was acknowledged. */
  readonly durability: 'fsync' | 'os';
  /** ms since 1970. */
  readonly clock?: () => number;
  readonly disk?: Disk;
  readonly segmentBytesMax?: number;
  /** How often the stream index is committed. */
  readonly indexIntervalMs?: number;
  /** Told of what an operator should know: a torn tail that was cut off. */
  readonly report?: (message: string) => void;
};

/**
 * The embedded engine: one process, one folder, one partition. Offsets are dense from 1.
 *
 * @throws log.locked, log.corrupt when it is opened.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const lock = lockFolder(options.dir);
  try {
    return await EmbeddedLog.open(options, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

export class EmbeddedLog implements EventLog {
  readonly id: string;
  readonly epoch: number;
  readonly #options: EmbeddedLogOptions;
  readonly #clock: () => number;
  readonly #lock: FolderLock;
  readonly #writer: SegmentWriter;
  readonly #index: StreamIndex;
  readonly #reader: SegmentReader;
  readonly #tail = new LiveTail();
  readonly #indexTimer: NodeJS.Timeout;
  /** Revisions as enqueued. */
  #revisions = new Map<string, number>();
  #pending: PendingGroup;
  #spare: GrowingBuffer | undefined = undefined;
  #inFlight: PendingGroup | null = null;
  #flushing = false;
  #synced: number;
  #enqueued: number;
  #lastRecordedAt: number;
  #fault: StrataError | null = null;
  #closing: Promise<void> | null = null;
  #writingIndex: Promise<void> = Promise.resolve();

  static async open(options: EmbeddedLogOptions, lock: FolderLock): Promise<EmbeddedLog> {
    const { dir, codec, disk = nodeDisk } = options;
    for (const name of readdirSync(dir)) if (name.endsWith('.seg.new')) rmSync(join(dir, name));
    const segments = listSegments(dir);
    const last = segments.at(-1);
    const logId = last?.header.logId ?? randomBytes(16).toString('hex');
    const epoch = last?.header.epoch ?? 1;
    const writer = new SegmentWriter({
      dir,
      disk,
      logId,
      epoch,
      segmentBytesMax: options.segmentBytesMax ?? SEGMENT_BYTES_MAX,
      sync: options.durability === 'fsync',
    });
    let synced = 0;
    if (last === undefined) await writer.begin(1);
    else {
      const tail = recoverTail(dir, last);
      synced = tail.lastOffset;
      await writer.resume(last.header.firstOffset, tail.validBytes);
      writer.follows(last.header.previousFirst, last.header.previousBytes);
      if (tail.cutBytes > 0) {
        options.report?.(
          `the log ended in a write that was never acknowledged: ${tail.cutBytes} bytes after position ${synced} were moved to cut-${synced + 1}.bytes`,
        );
      }
    }
    const reader = new SegmentReader(dir, codec);
    const index = new StreamIndex(join(dir, 'index'));
    await catchUp(index, reader, synced);
    return new EmbeddedLog(options, lock, { logId, epoch, writer, reader, index, synced });
  }

  private constructor(
    options: EmbeddedLogOptions,
    lock: FolderLock,
    parts: {
      logId: string;
      epoch: number;
      writer: SegmentWriter;
      reader: SegmentReader;
      index: StreamIndex;
      synced: number;
    },
  ) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
    this.#lock = lock;
    this.id = parts.logId;
    this.epoch = parts.epoch;
    this.#writer = parts.writer;
    this.#reader = parts.reader;
    this.#index = parts.index;
    this.#synced = parts.synced;
    this.#enqueued = parts.synced;
    this.#lastRecordedAt = parts.synced === 0 ? 0 : parts.reader.at(parts.synced).recordedAt;
    this.#pending = new PendingGroup(options.codec);
    this.#indexTimer = setInterval(() => this.#commitIndex(), options.indexIntervalMs ?? INDEX_INTERVAL_MS);
    this.#indexTimer.unref();
  }

  /** Reads synced events at once, from memory or the files. */
  reader(): LogReader {
    return this.#reader;
  }

  /** The last synced offset, 0 for the empty log. */
  headOffset(): number {
    return this.#synced;
  }

  head(): Position {
    return { epoch: this.epoch, offsets: [this.#synced] };
  }

  partitionOf(): number {
    return 0;
  }

  ownerOf(): OwnedBy {
    return 'here';
  }

  fault(): StrataError | null {
    return this.#fault;
  }

  lastRevision(stream: string): number {
    const known = this.#revisions.get(stream);
    if (known !== undefined) return known;
    const revision = this.#index.lastRevision(stream);
    // Those of writes in flight must stay, so it is emptied only when none are.
    if (this.#revisions.size >= REVISIONS_KEPT_MAX && this.#enqueued === this.#synced) this.#revisions.clear();
    this.#revisions.set(stream, revision);
    return revision;
  }

  append(writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]> {
    if (this.#closing !== null) return Promise.resolve(failed(writes, errors.error('log.closed', 'the log is closed')));
    if (this.#pending.bytes >= PENDING_BYTES_MAX) {
      const busy = errors.error('server.busy', 'too much waits to be written', { retryAfterSeconds: 1 });
      return Promise.resolve(failed(writes, busy));
    }
    const results = writes.map((write) => this.#enqueue(write));
    return new Promise((resolve) => {
      this.#whenSynced((failure) => {
        if (failure === null) resolve(results);
        else resolve(results.map((result) => (result.ok ? { ok: false, error: failure } : result)));
      });
    });
  }

  settled(): Promise<void> {
    return new Promise((resolve) => this.#whenSynced(() => resolve()));
  }

  async keyed(stream: string, key: string): Promise<readonly RecordedEvent[]> {
    const first = this.#index.keyed(stream, key, this.#clock());
    if (first === 0) return [];
    const events: RecordedEvent[] = [];
    for (let offset = first; offset <= this.#synced; offset += 1) {
      const event = this.#reader.at(offset);
      if (event.keyMark?.key !== key || event.stream !== stream) break;
      events.push(event);
    }
    return events;
  }

  async import(events: AsyncIterable<RecordedEvent>): Promise<Position> {
    assert(this.#enqueued === 0, 'events are imported into an empty log only');
    for await (const event of events) {
      const expected = this.lastRevision(event.stream) + 1;
      assert(event.revision === expected, `revision ${event.revision} of ${event.stream} follows ${expected - 1}`);
      this.#record(event.stream, [{ ...event, partition: 0, offset: this.#enqueued + 1 }]);
      if (this.#pending.bytes >= WRITE_BYTES_MAX) await this.#flushed();
    }
    await this.#flushed();
    return this.head();
  }

  async *readStream(stream: string, range: StreamRange = {}): AsyncIterable<RecordedEvent> {
    const { from = 0, to = -1, limit = Number.POSITIVE_INFINITY, backwards = false } = range;
    const last = this.#index.lastRevision(stream);
    const end = to === -1 ? last : Math.min(to, last);
    for (let done = 0; done < limit && from + done <= end; done += READ_EVENTS) {
      const count = Math.min(READ_EVENTS, limit - done, end - from - done + 1);
      const low = backwards ? end - done - count + 1 : from + done;
      const offsets = this.#index.offsets(stream, low, low + count - 1);
      if (backwards) offsets.reverse();
      for (const offset of offsets) yield this.#reader.at(offset);
    }
  }

  async *readAll(range: LogRange = {}): AsyncIterable<RecordedEvent> {
    const { limit = Number.POSITIVE_INFINITY, backwards = false } = range;
    const after = range.after === undefined ? 0 : this.#offsetOf(range.after);
    const to = range.to === undefined ? this.#synced : Math.min(this.#offsetOf(range.to), this.#synced);
    if (backwards) {
      for (let offset = to; offset > after && to - offset < limit; offset -= 1) yield this.#reader.at(offset);
      return;
    }
    const end = Math.min(to, after + limit);
    for (let done = after; done < end; done += READ_EVENTS) yield* this.#read(done, Math.min(done + READ_EVENTS, end));
  }

  subscribe(after: Position): AsyncIterable<Batch> {
    const from = this.#offsetOf(after);
    return this.#tail.follow(from, {
      synced: () => this.#synced,
      read: (offset) => this.#batch(offset),
    });
  }

  async positionAt(time: Date): Promise<Position> {
    return { epoch: this.epoch, offsets: [this.#reader.offsetAtTime(time.getTime(), this.#synced)] };
  }

  /** Writes what is enqueued, the end mark and the index, and lets the folder go. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.settled();
    clearInterval(this.#indexTimer);
    this.#tail.close();
    await this.#writingIndex;
    if (this.#fault === null) await this.#writer.end(this.#synced + 1);
    else await this.#writer.abandon();
    await this.#index.commit(this.#checkpoint());
    await this.#index.close();
    this.#reader.close();
    this.#lock.release();
  }

  #enqueue(write: Write): Appended | NotAppended {
    const { stream, expected, events } = write;
    const current = this.lastRevision(stream);
    const wanted = expected === 'none' ? -1 : expected;
    if (wanted !== 'any' && wanted !== current) {
      const error = errors.error('stream.revision-conflict', `${stream} is at revision ${current}, not ${wanted}`);
      return { ok: false, error, currentRevision: current };
    }
    const recordedAt = Math.max(this.#clock(), this.#lastRecordedAt);
    const recorded: RecordedEvent[] = [];
    for (let at = 0; at < events.length; at += 1) {
      const { id, type, version, at: stampedAt, actor, causation, keyMark, data } = events[at]!;
      const revision = current + 1 + at;
      const offset = this.#enqueued + 1 + at;
      recorded.push({
        id,
        type,
        version,
        at: stampedAt,
        actor,
        causation,
        keyMark,
        data,
        stream,
        revision,
        partition: 0,
        offset,
        recordedAt,
      });
    }
    if (events.length === 0 || events.length > WRITE_EVENTS_MAX || !this.#record(stream, recorded)) {
      const detail = `a write to ${stream} has more than ${WRITE_BYTES_MAX} bytes or ${WRITE_EVENTS_MAX} events, or none`;
      return { ok: false, error: errors.error('log.write-too-large', detail) };
    }
    return { ok: true, events: recorded };
  }

  #record(stream: string, events: readonly RecordedEvent[]): boolean {
    if (!this.#pending.add(events, WRITE_BYTES_MAX)) return false;
    const last = events[events.length - 1]!;
    this.#revisions.set(stream, last.revision);
    this.#enqueued = last.offset;
    this.#lastRecordedAt = last.recordedAt;
    return true;
  }

  /** Calls back when all that is enqueued by now is synced, with `null`, or could not be, with the reason. */
  #whenSynced(callback: (failure: StrataError | null) => void): void {
    if (this.#pending.events.length === 0 && this.#inFlight === null) {
      callback(null);
      return;
    }
    // With nothing of its own to write, it rests on the group in flight.
    const group = this.#pending.events.length > 0 ? this.#pending : this.#inFlight!;
    group.waiting.push(callback as (failure: unknown) => void);
    if (!this.#flushing) void this.#flush();
  }

  async #flushed(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#whenSynced((failure) => (failure === null ? resolve() : reject(failure)));
    });
  }

  /** Writes group after group until nothing waits. */
  async #flush(): Promise<void> {
    this.#flushing = true;
    while (this.#pending.events.length > 0) {
      const group = this.#pending;
      this.#inFlight = group;
      this.#pending = new PendingGroup(this.#options.codec, this.#spare);
      this.#spare = undefined;
      const failure = await this.#write(group);
      if (failure === null) this.#publish(group);
      else this.#fail(group, failure);
    }
    this.#flushing = false;
  }

  /**
   * Writes one group, synced; or says why not. What a failed write may have left in the segment is cut off for good
   * before anybody is told that it was not appended.
   */
  async #write(group: PendingGroup): Promise<StrataError | null> {
    try {
      if (this.#fault !== null) await this.#recover();
    } catch (cause) {
      return asLogError(cause);
    }
    try {
      await this.#writer.append(group.seal(this.#synced), group.events[0]!.offset);
      return null;
    } catch (cause) {
      this.#fault = asLogError(cause);
    }
    const failure = this.#fault;
    try {
      await this.#recover();
      return failure;
    } catch (cause) {
      return errors.error('command.outcome-unknown', 'the write failed, and the log could not be mended', { cause });
    }
  }

  #publish(group: PendingGroup): void {
    this.#synced = group.events[group.events.length - 1]!.offset;
    for (const event of group.events) this.#index.add(event);
    this.#spare = group.reusable;
    this.#inFlight = null;
    this.#tail.push(group.events);
    for (const waiting of group.waiting) waiting(null);
  }

  /** Fails the group, and with it all that was enqueued after it. */
  #fail(group: PendingGroup, failure: StrataError): void {
    const waiting = [...group.waiting, ...this.#pending.waiting];
    this.#pending = new PendingGroup(this.#options.codec);
    this.#inFlight = null;
    this.#enqueued = this.#synced;
    this.#revisions.clear();
    for (const callback of waiting) callback(failure);
  }

  /** Begins a new segment at the last synced position: the old one ends there. */
  async #recover(): Promise<void> {
    await this.#writer.begin(this.#synced + 1);
    this.#fault = null;
  }

  #checkpoint() {
    return { offset: this.#synced, hash: this.#synced === 0 ? '' : this.#reader.hashAt(this.#synced) };
  }

  #commitIndex(): void {
    if (this.#index.waiting === 0) return;
    const checkpoint = this.#checkpoint();
    this.#writingIndex = this.#writingIndex.then(() => this.#index.commit(checkpoint));
  }

  #offsetOf(position: Position): number {
    if (position.epoch !== this.epoch || position.offsets.length !== 1) {
      throw errors.error(
        'position.other-epoch',
        `${formatPosition(position)} is not of epoch ${this.epoch} of this log`,
      );
    }
    return position.offsets[0]!;
  }

  #read(after: number, to: number): RecordedEvent[] {
    const events: RecordedEvent[] = [];
    this.#reader.visit(after, to, (event) => events.push(event.toRecorded()));
    return events;
  }

  #batch(after: number): Batch {
    const to = Math.min(this.#synced, after + READ_EVENTS);
    return { partition: 0, after, to, events: this.#read(after, to) };
  }
}

/** Brings the index up to the head, from its checkpoint where that is of this log, else from the start. */
async function catchUp(index: StreamIndex, reader: SegmentReader, head: number): Promise<void> {
  const checkpoint = index.checkpoint;
  let from = checkpoint?.offset ?? 0;
  if (checkpoint !== null && (from > head || (from > 0 && reader.hashAt(from) !== checkpoint.hash))) {
    await index.clear();
    from = 0;
  }
  for (let done = from; done < head; ) {
    const to = Math.min(head, done + INDEXED_AT_ONCE);
    reader.visit(done, to, (event) => index.add(event));
    done = to;
    if (done < head) await index.commit({ offset: done, hash: reader.hashAt(done) });
  }
}

function failed(writes: readonly Write[], error: StrataError): NotAppended[] {
  return writes.map(() => ({ ok: false, error }));
}

function asLogError(cause: unknown): StrataError {
  if (cause instanceof StrataError) return cause;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return errors.error(isFull ? 'log.disk-full' : 'log.write-failed', `the log could not be written: ${String(cause)}`, {
    retryAfterSeconds: isFull ? 30 : 1,
    cause,
  });
}
