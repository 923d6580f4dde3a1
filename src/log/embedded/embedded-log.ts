import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Codec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import type { Position } from '#events/position.ts';
import type {
  Appended,
  Batch,
  LogId,
  LogRange,
  NotAppended,
  OwnedBy,
  RecordedWrite,
  StreamRange,
  Write,
} from '#log/event-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import type { LogReader } from '#log/log-reader.ts';
import type { Readings } from '#telemetry/metrics.ts';
import { errors, type StrataError } from '../../errors.ts';
import { Appender } from './appender.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { refused } from './enqueuer.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { LiveTail } from './live-tail.ts';
import { SegmentReader } from './log-reader.ts';
import { requireNotMoved } from './moved.ts';
import { readBatch, readKeyed, readRange, readStreamRange } from './ranges.ts';
import { findSegments, recoverLastSegment } from './recovery.ts';
import { SegmentWriter } from './segment-writer.ts';
import { openIndexStore, StreamIndex } from './stream-index.ts';

const PARTITION = 0;
const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const INDEX_INTERVAL_MS = 1000;
const IMPORTED_AT_ONCE_BYTES = 4 * 1024 * 1024;
const CATCH_UP_EVENTS = 512;

export type EmbeddedLogOptions = {
  /** Made if it is missing. */
  readonly dir: string;
  readonly codec: Codec;
  /** `os` answers before the sync: a crash of the machine may lose the last seconds of what was answered. */
  readonly durability: 'fsync' | 'os';
  /** What a log that is made here gets for its own; else one that nobody had before, in its first epoch. */
  readonly identity?: { readonly id: LogId; readonly epoch: number };
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
 * @throws log.locked, log.moved, log.corrupt naming the position, log.unknown-format, or what the disk says.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const { dir, codec, durability, identity } = options;
  const { clock = Date.now, disk = nodeDisk, report = () => undefined } = options;
  const { segmentBytesMax = SEGMENT_BYTES_MAX, indexIntervalMs = INDEX_INTERVAL_MS } = options;
  const undo: (() => unknown)[] = [];
  try {
    const lock = lockFolder(dir);
    undo.unshift(() => lock.release());
    requireNotMoved(dir);
    const recovery = { dir, disk, clock, report, ...(identity !== undefined && { identity }) };
    const segments = await findSegments(recovery);
    const store = openIndexStore(dir, report);
    undo.unshift(() => store.close());

    const { logId, epoch } = segments.header;
    const { checkpoint } = store;
    const isThisLogs = checkpoint !== null && checkpoint.logId === logId && checkpoint.epoch === epoch;
    const recovered = await recoverLastSegment(segments, isThisLogs ? checkpoint.offset : 0, recovery);
    const reader = new SegmentReader(segments, codec);
    let appender: Appender | null = null;
    const durable = async () => appender?.durable();
    const index = await StreamIndex.open(recovered.head, {
      store,
      reader,
      intervalMs: indexIntervalMs,
      durable,
      report,
    });
    const synced = durability === 'fsync';
    const writer = await SegmentWriter.open({ segments, disk, clock, synced, segmentBytesMax, report });
    const { head, endsWithMark } = recovered;
    const tail = new LiveTail(head, (after, to) => readBatch(reader, after, Math.min(to, after + CATCH_UP_EVENTS)));
    const written = { batches: 0, bytes: 0 };
    appender = new Appender({
      codec,
      clock,
      report,
      index,
      writer,
      synced,
      head,
      endsWithMark,
      lastRecordedAt: reader.latestAt(head),
      onBatch: (batch, sizeBytes) => {
        written.batches += 1;
        written.bytes += sizeBytes;
        tail.push(batch, sizeBytes);
      },
    });
    return new EmbeddedLog({ dir, report, lock, reader, index, writer, tail, appender, written });
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
}

type Parts = {
  readonly dir: string;
  readonly report: (message: string) => void;
  readonly lock: FolderLock;
  readonly reader: SegmentReader;
  readonly index: StreamIndex;
  readonly writer: SegmentWriter;
  readonly tail: LiveTail;
  readonly appender: Appender;
  readonly written: { readonly batches: number; readonly bytes: number };
};

/** The embedded engine: one process, one folder, one partition; offsets are dense from 1. */
export class EmbeddedLog implements LocalLog {
  readonly id: string;
  readonly epoch: number;
  readonly dir: string;
  readonly readings: Readings;
  readonly #parts: Parts;
  readonly #importing: string;
  /** Until an import has ended well, commands must not write between its events. */
  #isImporting: boolean;
  #head: Position = { epoch: 0, offsets: [-1] };
  #closing: Promise<void> | null = null;
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.id = parts.reader.id;
    this.epoch = parts.reader.epoch;
    this.dir = parts.dir;
    this.readings = {
      strata_log_batches_total: () => parts.written.batches,
      strata_log_written_bytes_total: () => parts.written.bytes,
    };
    this.#importing = importingPath(parts.dir);
    this.#isImporting = existsSync(this.#importing);
  }

  partitionOf(): number {
    return PARTITION;
  }

  ownerOf(): OwnedBy {
    return 'here';
  }

  append(writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]> {
    if (!this.#isImporting) return this.#parts.appender.append(writes);
    return Promise.resolve(
      writes.map(() => refused(errors.error('server.busy', 'the log is being imported, or its import ended early'))),
    );
  }

  settled(): Promise<void> {
    return this.#parts.appender.settled();
  }

  lastRevision(stream: string): number {
    this.#requireOpen();
    return this.#parts.index.tail(stream).revision;
  }

  async keyed(stream: string, key: string): Promise<readonly RecordedEvent[]> {
    this.#requireOpen();
    const { index, reader, appender } = this.#parts;
    if (appender.isKeyEnqueued(stream, key)) await appender.settled();
    const offset = index.keyOffset(stream, key);
    return offset === null ? [] : readKeyed(reader, stream, key, offset, appender.head);
  }

  async import(writes: AsyncIterable<RecordedWrite>): Promise<Position> {
    const { appender } = this.#parts;
    let results: (Appended | NotAppended)[] = [];
    let isFirst = true;
    try {
      for await (const write of writes) {
        if (isFirst) await this.#beginImport(write[0]!.offset);
        isFirst = false;
        results.push(appender.addRecorded(write));
        if (appender.pendingBytes < IMPORTED_AT_ONCE_BYTES) continue;
        throwFailed(await appender.answer(results));
        results = [];
      }
    } finally {
      // What came before the source failed is kept: the next import goes on after it.
      await appender.answer(results);
    }
    throwFailed(results);
    await rm(this.#importing, { force: true });
    this.#isImporting = false;
    return this.head();
  }

  async #beginImport(offset: number): Promise<void> {
    const next = this.#parts.appender.nextOffset;
    if (next > 1 && !this.#isImporting) {
      throw errors.error('request.invalid', 'a log is imported into an empty one only');
    }
    // Of an empty log nothing is known yet, so that a part of another log can be taken over too.
    if (next > 1 && offset !== next) {
      throw errors.error('request.invalid', `the import goes on with the event at ${next}, not at ${offset}`);
    }
    this.#isImporting = true;
    await writeFile(this.#importing, '');
  }

  /** Appends writes as another engine has them, in their order. Resolves with them as placed, once they can be read. */
  async replicate(writes: readonly RecordedWrite[]): Promise<readonly RecordedWrite[]> {
    const { appender } = this.#parts;
    const results = await appender.answer(writes.map((write) => appender.addRecorded(write)));
    return results.map((result) => {
      if (!result.ok) throw result.error;
      return result.events;
    });
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
    const until = to === undefined ? this.headOffset() : this.#offsetOf(to);
    return readRange(this.#parts.reader, { after: from, to: until, limit, backwards });
  }

  subscribe(after: Position): AsyncIterable<Batch> {
    return this.#parts.tail.follow(this.#offsetOf(after));
  }

  head(): Position {
    const offset = this.headOffset();
    // Asked for every answer, and changed once a batch.
    if (this.#head.offsets[0] !== offset) this.#head = { epoch: this.epoch, offsets: [offset] };
    return this.#head;
  }

  /** The last synced offset. */
  headOffset(): number {
    return this.#parts.appender.head;
  }

  async positionAt(time: Date): Promise<Position> {
    this.#requireOpen();
    return { epoch: this.epoch, offsets: [this.#parts.reader.offsetAtTime(time.getTime(), this.headOffset())] };
  }

  fault(): StrataError | null {
    return this.#parts.appender.fault ?? this.#parts.index.fault;
  }

  /** Reads on this thread, from the caches that the log has. Closing it only empties them. */
  reader(): LogReader {
    return this.#parts.reader;
  }

  /** Settles what is enqueued, marks the end, and gives the folder back. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { appender, tail, index, reader, writer, lock, report } = this.#parts;
    await appender.close();
    tail.close();
    this.#isClosed = true;
    await index.close().catch((error) => report(`the stream index could not be closed: ${error}`));
    await writer.close().catch((error) => report(`a segment could not be closed: ${error}`));
    // It keeps files open that were read.
    reader.close();
    lock.release();
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
    if (offset > this.headOffset())
      throw errors.error('history.future-position', `the log ends at ${this.headOffset()}`);
    return offset;
  }
}

/** Lies in the folder from an import's beginning to its end. */
function importingPath(dir: string): string {
  return join(dir, 'importing');
}

function throwFailed(results: readonly (Appended | NotAppended)[]): void {
  for (const result of results) if (!result.ok) throw result.error;
}
