import type { Codec } from '#events/encoding.ts';
import type { NewEvent, RecordedEvent } from '#events/event.ts';
import { GrowingBuffer } from '#events/growing-buffer.ts';
import { refused, tooLarge } from '#log/embedded/enqueuer.ts';
import type { Appended, NotAppended, RecordedWrite } from '#log/event-log.ts';
import { errors, isStrataError, type StrataError } from '../../errors.ts';
import { encodeWrite, type KafkaRecord } from './record.ts';

const WRITE_BYTES_MAX = 256 * 1024;
const WRITE_EVENTS_MAX = 1000;
const LENGTH_BYTES = 4;

/** A write on its way: its record is sent until it is read back, and its caller is answered once it lies in the replica. */
export class EnqueuedWrite {
  readonly stream: string;
  /** As they will be recorded; the offset comes with the place in the order. */
  readonly events: RecordedWrite;
  readonly record: KafkaRecord;
  /** When it was handed over, by the monotonic clock. */
  readonly sinceMs: number;
  readonly settled: Promise<Appended | NotAppended>;
  /** Told once it has its place. */
  onPlaced: () => void = () => undefined;
  #settle: (result: Appended | NotAppended) => void = () => undefined;

  constructor(stream: string, events: RecordedWrite, record: KafkaRecord, sinceMs: number) {
    this.stream = stream;
    this.events = events;
    this.record = record;
    this.sinceMs = sinceMs;
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get lastRevision(): number {
    return this.events.at(-1)!.revision;
  }

  get sizeBytes(): number {
    return this.record.value.length;
  }

  /** It has its place. */
  placed(events: RecordedWrite): void {
    this.#settle({ ok: true, events });
    this.onPlaced();
  }

  failed(error: StrataError): void {
    this.#settle(refused(error));
  }
}

/** Makes records of writes, with the bounds that every write has. */
export class WriteEncoder {
  readonly #codec: Codec;
  readonly #seed: number;
  readonly #target = new GrowingBuffer(64 * 1024);

  constructor(codec: Codec, seed: number) {
    this.#codec = codec;
    this.#seed = seed;
  }

  /** The write's record, or why it cannot be written. */
  encode(write: RecordedWrite, owner: number): KafkaRecord | StrataError {
    const target = this.#target;
    target.length = 0;
    const { stream } = write[0]!;
    if (write.length > WRITE_EVENTS_MAX) return tooLarge(`${write.length} events`);
    try {
      for (const event of write) {
        const prefix = target.length;
        target.reserve(LENGTH_BYTES);
        target.length += LENGTH_BYTES;
        this.#codec.encode(event, stream, event.revision, event.recordedAt, target);
        target.bytes.writeUInt32LE(target.length - prefix - LENGTH_BYTES, prefix);
        const eventBytes = target.length - write.length * LENGTH_BYTES;
        if (eventBytes > WRITE_BYTES_MAX) return tooLarge(`${eventBytes} bytes`);
      }
      return encodeWrite(stream, owner, write.length, target.view(), this.#seed);
    } catch (cause) {
      if (isStrataError(cause)) return cause;
      return errors.error('server.failed', `an event of ${stream} cannot be written`, { cause });
    }
  }
}

/** The events as they will stand in the log, but for their offset. */
export function recordedAs(
  events: readonly NewEvent[],
  stream: string,
  firstRevision: number,
  recordedAt: number,
): RecordedEvent[] {
  return events.map(({ id, type, version, at, actor, causation, keyMark, data }, index) => ({
    id,
    type,
    version,
    at,
    actor,
    causation,
    keyMark,
    data,
    stream,
    revision: firstRevision + index,
    partition: 0,
    offset: 0,
    recordedAt,
  }));
}
