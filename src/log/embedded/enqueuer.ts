import type { Codec } from '#events/encoding.ts';
import type { NewEvent, RecordedEvent } from '#events/event.ts';
import type { Appended, NotAppended, RecordedWrite, Write } from '#log/event-log.ts';
import { errors, isStrataError, type StrataError } from '../../errors.ts';
import { AppendBatch } from './append-batch.ts';
import type { StreamIndex } from './stream-index.ts';

const WRITE_BYTES_MAX = 256 * 1024;
const WRITE_EVENTS_MAX = 1000;
/** Bytes that may wait for the write in flight; beyond it, `server.busy`. */
const PENDING_BYTES_MAX = 64 * 1024 * 1024;

export type EnqueuerOptions = {
  readonly codec: Codec;
  readonly clock: () => number;
  readonly index: StreamIndex;
  readonly head: number;
  /** The latest time at which an event up to `head` was recorded. */
  readonly lastRecordedAt: number;
};

/**
 * Puts writes in order: compares the expected revision with what is enqueued, gives revision, offset and time, and encodes.
 * What it enqueues stands in `pending` until it is taken for writing.
 */
export class Enqueuer {
  readonly #options: EnqueuerOptions;
  #pending = new AppendBatch();
  #spare = new AppendBatch();
  #nextOffset: number;
  #lastRecordedAt: number;

  constructor(options: EnqueuerOptions) {
    this.#options = options;
    this.#nextOffset = options.head + 1;
    this.#lastRecordedAt = options.lastRecordedAt;
  }

  get pending(): AppendBatch {
    return this.#pending;
  }

  /** The offset that the next event gets. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  get lastRecordedAt(): number {
    return this.#lastRecordedAt;
  }

  /** What will be the answer if the batch is written; or why the write is refused. */
  add({ stream, expected, events }: Write): Appended | NotAppended {
    if (events.length === 0) return refused(errors.error('server.failed', `a write to ${stream} has no events`));
    if (events.length > WRITE_EVENTS_MAX) return refused(tooLarge(`${events.length} events`));
    return this.#add(stream, expected, events, Math.max(this.#options.clock(), this.#lastRecordedAt));
  }

  /** A write of another log, with its own revisions and time, which may be earlier than that of the write before. */
  addRecorded(write: RecordedWrite): Appended | NotAppended {
    const { stream, revision, recordedAt } = write[0]!;
    return this.#add(stream, revision - 1, write, recordedAt);
  }

  /** What is enqueued, to be written; what comes next goes into another batch. */
  take(): AppendBatch {
    const batch = this.#pending;
    this.#pending = this.#spare;
    return batch;
  }

  /** A batch that was taken, and is settled. */
  giveBack(batch: AppendBatch): void {
    batch.clear();
    this.#spare = batch;
  }

  /** Takes back the order of the batch that was taken, and of all that was enqueued after it. */
  rollBack(batch: AppendBatch, head: number): void {
    this.#nextOffset = head + 1;
    for (const { tail } of [...batch.writes, ...this.#pending.writes]) {
      tail.revision -= tail.unsynced;
      tail.unsynced = 0;
    }
  }

  #add(
    stream: string,
    expected: Write['expected'],
    events: readonly NewEvent[],
    recordedAt: number,
  ): Appended | NotAppended {
    const { index, codec } = this.#options;
    const batch = this.#pending;
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
      const latestAt = Math.max(recordedAt, this.#lastRecordedAt);
      const bytes = batch.groups.add(codec, stream, events, offset, revision, recordedAt, latestAt, WRITE_BYTES_MAX);
      if (bytes > WRITE_BYTES_MAX) return refused(tooLarge(`${bytes} bytes`));
      const recorded: RecordedEvent[] = [];
      for (let at = 0; at < events.length; at += 1) {
        recorded.push(record(events[at]!, stream, revision + at, offset + at, recordedAt));
      }
      batch.add(tail, recorded);
      tail.revision += events.length;
      tail.unsynced += events.length;
      this.#nextOffset += events.length;
      this.#lastRecordedAt = latestAt;
      return { ok: true, events: recorded };
    } catch (cause) {
      if (isStrataError(cause)) return refused(cause);
      return refused(errors.error('server.failed', `an event of ${stream} cannot be written`, { cause }));
    }
  }
}

export function refused(error: StrataError): NotAppended {
  return { ok: false, error };
}

function record(event: NewEvent, stream: string, revision: number, offset: number, recordedAt: number): RecordedEvent {
  const { id, type, version, at, actor, causation, keyMark, data } = event;
  return { id, type, version, at, actor, causation, keyMark, data, stream, revision, partition: 0, offset, recordedAt };
}

export function tooLarge(size: string): StrataError {
  return errors.error('log.write-too-large', `a write of ${size} is more than 256 KiB or 1,000 events`);
}

export function conflict(stream: string, expected: Write['expected'], current: number): StrataError {
  const wanted = expected === 'none' ? 'none' : `revision ${expected}`;
  const found = current === -1 ? 'none' : `revision ${current}`;
  return errors.error('stream.revision-conflict', `${stream} has ${found}, not ${wanted}`);
}
