import { setImmediate } from 'node:timers/promises';
import type { Codec } from '#events/encoding.ts';
import type { NewEvent, RecordedEvent } from '#events/event.ts';
import type { Position } from '#events/position.ts';
import type { Appended, Batch, EventLog, LogRange, NotAppended, OwnedBy, StreamRange, Write } from '#log/event-log.ts';
import type { LogReader } from '#log/log-reader.ts';
import { errors, isStrataError, type StrataError } from '../../errors.ts';
import { AppendBatch } from './append-batch.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { LiveTail } from './live-tail.ts';
import { SegmentReader } from './log-reader.ts';
import { readBatch, readKeyed, readRange, readStreamRange } from './ranges.ts';
import { findSegments, recoverLastSegment } from './recovery.ts';
import { SegmentWriter, writeError } from './segment-writer.ts';
import { openIndexStore, StreamIndex } from './stream-index.ts';

const PARTITION = 0;
const WRITE_BYTES_MAX = 256 * 1024;
const WRITE_EVENTS_MAX = 1000;
/** Bytes that may wait for the write in flight; beyond it, `server.busy`. */
const PENDING_BYTES_MAX = 64 * 1024 * 1024;
const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const INDEX_INTERVAL_MS = 1000;
const IMPORTED_AT_ONCE_BYTES = 4 * 1024 * 1024;
const CATCH_UP_EVENTS = 512;
/** How soon an unwritable log is tried again when no append asks for it. */
const REPAIR_INTERVAL_MS = 1000;

export type EmbeddedLogOptions = {
  /** Made if it is missing. */
  readonly dir: string;
  readonly codec: Codec;
  /** `os` answers before the sync: a crash of the machine may lose the last seconds of what was answered. */
  readonly durability: 'fsync' | 'os';
  /** ms since 1970. */
  readonly clock?: () => number;
  readonly disk?: Disk;
  /** 64 MiB unless told. */
  readonly segmentBytesMax?: number;
  /** How often what was appended goes into the stream index's trees: 1 s unless told. */
  readonly indexIntervalMs?: number;
  /** Told of what an operator should know: a torn tail that was moved away, an index that is made again. */
  readonly report?: (message: string) => void;
};

/**
 * Opens the log in a folder, or makes one there: takes the folder's lock, checks the last segment, and brings the stream
 * index up to date.
 *
 * @throws log.locked, log.corrupt naming the position, log.unknown-format, or what the disk says.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const { dir, codec, durability } = options;
  const { clock = Date.now, disk = nodeDisk, report = () => undefined } = options;
  const { segmentBytesMax = SEGMENT_BYTES_MAX, indexIntervalMs = INDEX_INTERVAL_MS } = options;
  const undo: (() => unknown)[] = [];
  try {
    const lock = lockFolder(dir);
    undo.unshift(() => lock.release());
    const recovery = { dir, disk, clock, report };
    const segments = await findSegments(recovery);
    const store = openIndexStore(dir, report);
    undo.unshift(() => store.close());

    const { logId, epoch } = segments.header;
    const { checkpoint } = store;
    const isThisLogs = checkpoint !== null && checkpoint.logId === logId && checkpoint.epoch === epoch;
    const recovered = await recoverLastSegment(segments, isThisLogs ? checkpoint.offset : 0, recovery);
    const reader = new SegmentReader(segments, codec);
    let log: EmbeddedLog | null = null;
    const durable = async () => log?.durable();
    const index = await StreamIndex.open(recovered.head, {
      store,
      reader,
      intervalMs: indexIntervalMs,
      durable,
      report,
    });
    const synced = durability === 'fsync';
    const writer = await SegmentWriter.open({ segments, disk, clock, synced, segmentBytesMax, report });
    log = new EmbeddedLog({
      codec,
      clock,
      report,
      lock,
      reader,
      index,
      writer,
      synced,
      ...recovered,
    });
    return log;
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
}

type Parts = {
  readonly codec: Codec;
  readonly clock: () => number;
  readonly report: (message: string) => void;
  readonly lock: FolderLock;
  readonly reader: SegmentReader;
  readonly index: StreamIndex;
  readonly writer: SegmentWriter;
  /** True when a write is on the disk itself before it counts. */
  readonly synced: boolean;
  readonly head: number;
  readonly endsWithMark: boolean;
};

/**
 * The embedded engine: one process, one folder, one partition; offsets are dense from 1. What callers append in one turn of
 * the event loop, and while a write is under way, becomes the next write: one to the disk at a time.
 */
export class EmbeddedLog implements EventLog {
  readonly id: string;
  readonly epoch: number;
  readonly #parts: Parts;
  readonly #tail: LiveTail;
  /** Counts as synced: read, subscribed to, answered. */
  #head: number;
  /** What is known to be on the disk itself: the head, but for `durability=os`. */
  #onDisk: number;
  #nextOffset: number;
  #lastRecordedAt: number;
  #endsWithMark: boolean;
  #pending = new AppendBatch();
  #spare = new AppendBatch();
  #inFlight: AppendBatch | null = null;
  #isRunning = false;
  #isImporting = false;
  #fault: StrataError | null = null;
  #repairTimer: NodeJS.Timeout | null = null;
  #isRepairDue = false;
  #syncCalls: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  #closing: Promise<void> | null = null;
  #isClosed = false;

  constructor(parts: Parts) {
    const { reader, head } = parts;
    this.#parts = parts;
    this.id = reader.id;
    this.epoch = reader.epoch;
    this.#head = head;
    this.#onDisk = head;
    this.#nextOffset = head + 1;
    this.#lastRecordedAt = head === 0 ? 0 : reader.at(head).recordedAt;
    this.#endsWithMark = parts.endsWithMark;
    this.#tail = new LiveTail({
      synced: () => this.#head,
      read: (after) => readBatch(reader, after, Math.min(this.#head, after + CATCH_UP_EVENTS)),
    });
  }

  partitionOf(): number {
    return PARTITION;
  }

  ownerOf(): OwnedBy {
    return 'here';
  }

  append(writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]> {
    const results = new Array<Appended | NotAppended>(writes.length);
    for (let at = 0; at < writes.length; at += 1) results[at] = this.#enqueue(writes[at]!);
    return this.#call(results);
  }

  async settled(): Promise<void> {
    if (this.#isRunning) await this.#call([]);
  }

  lastRevision(stream: string): number {
    this.#requireOpen();
    return this.#parts.index.tail(stream).revision;
  }

  async keyed(stream: string, key: string): Promise<readonly RecordedEvent[]> {
    this.#requireOpen();
    const { index, reader } = this.#parts;
    const name = key + stream;
    if (this.#pending.keys.has(name) || this.#inFlight?.keys.has(name)) await this.settled();
    const offset = index.keyOffset(stream, key);
    return offset === null ? [] : readKeyed(reader, stream, key, offset, this.#head);
  }

  /** Each event is a write of its own. A failed import leaves what was imported before: start again in an empty folder. */
  async import(events: AsyncIterable<RecordedEvent>): Promise<Position> {
    if (this.#nextOffset !== 1) throw errors.error('request.invalid', 'a log is imported into an empty one only');
    this.#isImporting = true;
    try {
      let results: (Appended | NotAppended)[] = [];
      for await (const event of events) {
        results.push(this.#enqueueRecorded(event));
        if (this.#pending.groups.lengthBytes < IMPORTED_AT_ONCE_BYTES) continue;
        throwFailed(await this.#call(results));
        results = [];
      }
      throwFailed(await this.#call(results));
      return this.head();
    } finally {
      this.#isImporting = false;
    }
  }

  readStream(stream: string, range: StreamRange = {}): AsyncIterable<RecordedEvent> {
    this.#requireOpen();
    return readStreamRange(this.#parts.reader, this.#parts.index, stream, range);
  }

  readAll({
    after,
    to,
    limit = Number.POSITIVE_INFINITY,
    backwards = false,
  }: LogRange = {}): AsyncIterable<RecordedEvent> {
    this.#requireOpen();
    const from = after === undefined ? 0 : this.#offsetOf(after);
    const until = to === undefined ? this.#head : this.#offsetOf(to);
    return readRange(this.#parts.reader, { after: from, to: until, limit, backwards });
  }

  subscribe(after: Position): AsyncIterable<Batch> {
    return this.#tail.follow(this.#offsetOf(after));
  }

  head(): Position {
    return { epoch: this.epoch, offsets: [this.#head] };
  }

  /** The last synced offset. */
  headOffset(): number {
    return this.#head;
  }

  async positionAt(time: Date): Promise<Position> {
    this.#requireOpen();
    return { epoch: this.epoch, offsets: [this.#parts.reader.offsetAtTime(time.getTime(), this.#head)] };
  }

  fault(): StrataError | null {
    return this.#fault ?? this.#parts.index.fault;
  }

  /** Reads on this thread, from the caches that the log has. Closing it only empties them. */
  reader(): LogReader {
    return this.#parts.reader;
  }

  /** Resolves when all that counts as synced now is on the disk itself. */
  async durable(): Promise<void> {
    if (this.#onDisk >= this.#head) return;
    await new Promise<void>((resolve, reject) => {
      this.#syncCalls.push({ resolve, reject });
      this.#run();
    });
  }

  /** Settles what is enqueued, marks the end, and gives the folder back. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #enqueue({ stream, expected, events }: Write): Appended | NotAppended {
    if (events.length === 0) return refused(errors.error('server.failed', `a write to ${stream} has no events`));
    if (this.#isImporting) return refused(errors.error('server.busy', 'the log is being imported'));
    if (events.length > WRITE_EVENTS_MAX) return refused(tooLarge(`${events.length} events`));
    const recordedAt = Math.max(this.#parts.clock(), this.#lastRecordedAt);
    return this.#add(stream, expected, events, recordedAt);
  }

  #enqueueRecorded(event: RecordedEvent): Appended | NotAppended {
    if (event.recordedAt < this.#lastRecordedAt) {
      return refused(errors.error('request.invalid', `event ${event.id} was recorded before the one that precedes it`));
    }
    return this.#add(event.stream, event.revision - 1, [event], event.recordedAt);
  }

  /** Gives revision, offset and time, and encodes: from here on the order stands. */
  #add(
    stream: string,
    expected: Write['expected'],
    events: readonly NewEvent[],
    recordedAt: number,
  ): Appended | NotAppended {
    const { index, codec } = this.#parts;
    const batch = this.#pending;
    if (this.#closing !== null) return refused(errors.error('log.closed', 'the log is closed'));
    if (batch.groups.lengthBytes >= PENDING_BYTES_MAX) {
      return refused(errors.error('server.busy', 'too much waits to be written', { retryAfterSeconds: 1 }));
    }
    try {
      const tail = index.tail(stream);
      const { revision: current } = tail;
      if (expected !== 'any' && current !== (expected === 'none' ? -1 : expected)) {
        return { ok: false, error: conflict(stream, expected, current), currentRevision: current };
      }
      const [offset, revision] = [this.#nextOffset, current + 1];
      const bytes = batch.groups.add(codec, stream, events, offset, revision, recordedAt, WRITE_BYTES_MAX);
      if (bytes > WRITE_BYTES_MAX) return refused(tooLarge(`${bytes} bytes`));
      const recorded = events.map((event, at) => record(event, stream, revision + at, offset + at, recordedAt));
      batch.add(tail, recorded);
      tail.revision += events.length;
      tail.unsynced += events.length;
      this.#nextOffset += events.length;
      this.#lastRecordedAt = recordedAt;
      return { ok: true, events: recorded };
    } catch (cause) {
      if (isStrataError(cause)) return refused(cause);
      return refused(errors.error('server.failed', `an event of ${stream} cannot be written`, { cause }));
    }
  }

  /** Answers with the results once all that is enqueued so far is settled. */
  #call(results: readonly (Appended | NotAppended)[]): Promise<readonly (Appended | NotAppended)[]> {
    const settled = this.#pending.call(results);
    this.#run();
    return settled;
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#drive();
  }

  async #drive(): Promise<void> {
    do {
      // A turn of the event loop: everyone who was just answered, or who comes in meanwhile, shares the next write.
      await setImmediate();
      // The index may wait for this before it makes room.
      if (this.#syncCalls.length > 0) await this.#sync();
      await this.#parts.index.room();
      const batch = this.#pending;
      this.#pending = this.#spare;
      this.#inFlight = batch;
      await this.#settle(batch);
      this.#inFlight = null;
      batch.clear();
      this.#spare = batch;
    } while (this.#pending.hasCalls || this.#syncCalls.length > 0 || this.#isRepairDue);
    this.#isRunning = false;
  }

  /** Writes the batch and answers its callers; with nothing to write, what came before has been settled already. */
  async #settle(batch: AppendBatch): Promise<void> {
    const { writer } = this.#parts;
    if (writer.isBroken && (batch.writes.length > 0 || this.#isRepairDue)) await this.#repair(this.#fault);
    if (batch.writes.length === 0) return batch.answer();
    if (writer.isBroken) return this.#fail(batch, this.#fault!, true);
    try {
      await writer.write(batch.groups, this.#onDisk);
    } catch (cause) {
      const isCertain = await this.#repair(cause);
      return this.#fail(batch, writeError(cause), isCertain);
    }
    this.#commit(batch);
  }

  #commit(batch: AppendBatch): void {
    const { index, synced } = this.#parts;
    const after = this.#head;
    this.#head += batch.events.length;
    if (synced) this.#onDisk = this.#head;
    this.#endsWithMark = false;
    for (const { tail, events } of batch.writes) index.synced(tail, events);
    this.#tail.push({ partition: PARTITION, after, to: this.#head, events: batch.events }, batch.groups.lengthBytes);
    batch.answer();
  }

  /** Nothing of the batch is in the log, nor what was enqueued after it: all of it rests on the batch. */
  #fail(batch: AppendBatch, error: StrataError, isCertain: boolean): void {
    const pending = this.#pending;
    this.#nextOffset = this.#head + 1;
    for (const { tail } of [...batch.writes, ...pending.writes]) {
      tail.revision -= tail.unsynced;
      tail.unsynced = 0;
    }
    const unknown = errors.error('command.outcome-unknown', 'the log could not tell what became of the write', {
      cause: error,
    });
    batch.answer((result) => ({ ok: false, error: isCertain || !result.ok ? error : unknown }));
    pending.answer(() => ({ ok: false, error }));
    pending.clear();
  }

  /** Tries to make the log writable after a failure. True when what failed is certainly not in the log. */
  async #repair(cause: unknown): Promise<boolean> {
    this.#isRepairDue = false;
    this.#fault ??= writeError(cause);
    const failure = await this.#parts.writer.repair(cause);
    this.#fault = failure === null ? null : failure.error;
    if (failure !== null && this.#closing === null) {
      this.#repairTimer ??= setTimeout(() => {
        this.#repairTimer = null;
        this.#isRepairDue = this.#closing === null && this.#fault !== null;
        if (this.#isRepairDue) this.#run();
      }, REPAIR_INTERVAL_MS).unref();
    }
    return failure === null || failure.isCertain;
  }

  async #sync(): Promise<void> {
    const calls = this.#syncCalls;
    this.#syncCalls = [];
    const head = this.#head;
    try {
      // After a failed sync, one that succeeds proves nothing.
      if (this.#parts.writer.isBroken) throw this.#fault;
      await this.#parts.writer.sync();
      this.#onDisk = head;
      for (const { resolve } of calls) resolve();
    } catch (error) {
      this.#parts.report(`the log could not be synced: what was written after ${this.#onDisk} may be lost: ${error}`);
      await this.#repair(error);
      for (const { reject } of calls) reject(error);
    }
  }

  async #close(): Promise<void> {
    const { index, writer, lock, report } = this.#parts;
    await this.settled();
    if (this.#repairTimer !== null) clearTimeout(this.#repairTimer);
    this.#tail.close();
    this.#isClosed = true;
    try {
      if (!writer.isBroken && !this.#endsWithMark) await this.#mark();
    } catch (error) {
      report(`the log could not be marked as closed, so the next start checks more of it: ${error}`);
    }
    await index.close().catch((error) => report(`the stream index could not be closed: ${error}`));
    await writer.close().catch((error) => report(`a segment could not be closed: ${error}`));
    lock.release();
  }

  async #mark(): Promise<void> {
    const { writer, synced } = this.#parts;
    if (!synced) await writer.sync();
    this.#onDisk = this.#head;
    this.#pending.groups.addEndMark(this.#head, this.#lastRecordedAt);
    await writer.write(this.#pending.groups, this.#onDisk);
    if (!synced) await writer.sync();
  }

  /** The index cannot be read once it is closed. */
  #requireOpen(): void {
    if (this.#isClosed) throw errors.error('log.closed', 'the log is closed');
  }

  #offsetOf({ epoch, offsets }: Position): number {
    const [offset = -1] = offsets;
    if (epoch !== this.epoch || offsets.length !== 1) {
      throw errors.error('position.other-epoch', `the log is in epoch ${this.epoch}, with one partition`);
    }
    if (offset > this.#head) throw errors.error('history.future-position', `the log ends at ${this.#head}`);
    return offset;
  }
}

function record(event: NewEvent, stream: string, revision: number, offset: number, recordedAt: number): RecordedEvent {
  const { id, type, version, at, actor, causation, keyMark, data } = event;
  const partition = PARTITION;
  return { id, type, version, at, actor, causation, keyMark, data, stream, revision, partition, offset, recordedAt };
}

function refused(error: StrataError): NotAppended {
  return { ok: false, error };
}

function tooLarge(size: string): StrataError {
  return errors.error('log.write-too-large', `a write of ${size} is more than 256 KiB or 1,000 events`);
}

function conflict(stream: string, expected: Write['expected'], current: number): StrataError {
  const wanted = expected === 'none' ? 'none' : `revision ${expected}`;
  const found = current === -1 ? 'none' : `revision ${current}`;
  return errors.error('stream.revision-conflict', `${stream} has ${found}, not ${wanted}`);
}

function throwFailed(results: readonly (Appended | NotAppended)[]): void {
  for (const result of results) if (!result.ok) throw result.error;
}
