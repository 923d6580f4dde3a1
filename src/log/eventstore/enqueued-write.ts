import type { Codec } from '#events/encoding.ts';
import { GrowingBuffer } from '#events/growing-buffer.ts';
import { refused, tooLarge } from '#log/embedded/enqueuer.ts';
import type { Appended, NotAppended, Write } from '#log/event-log.ts';
import { errors, isStrataError, type StrataError } from '../../errors.ts';
import type { ProposedEvent } from './append-protocol.ts';
import { proposedEvents } from './stored-event.ts';

const WRITE_BYTES_MAX = 256 * 1024;
const WRITE_EVENTS_MAX = 1000;

/** A write on its way to the server. */
export class EnqueuedWrite {
  readonly write: Write;
  readonly proposed: readonly ProposedEvent[];
  /** What it takes on the server. */
  readonly sizeBytes: number;
  readonly settled: Promise<Appended | NotAppended>;
  #settle: (result: Appended | NotAppended) => void = () => undefined;

  constructor(write: Write) {
    this.write = write;
    this.proposed = proposedEvents(write.events);
    this.sizeBytes = this.proposed.reduce((bytes, { data, metadata }) => bytes + data.length + metadata.length, 0);
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  settle(result: Appended | NotAppended): void {
    this.#settle(result);
  }

  fail(error: StrataError): void {
    this.#settle(refused(error));
  }
}

/** Checks writes before they are sent: what the replica could not take must not be on the server. */
export class WriteCheck {
  readonly #codec: Codec;
  readonly #reserved: string;
  readonly #target = new GrowingBuffer(64 * 1024);

  /** `reserved` is the stream that the log keeps for itself. */
  constructor(codec: Codec, reserved: string) {
    this.#codec = codec;
    this.#reserved = reserved;
  }

  /** Why the write cannot be written, or `null`. */
  error({ stream, events }: Write): StrataError | null {
    if (events.length === 0) return errors.error('server.failed', `a write to ${stream} has no events`);
    if (events.length > WRITE_EVENTS_MAX) return tooLarge(`${events.length} events`);
    if (stream === this.#reserved) return errors.error('request.invalid', `the stream ${stream} is the log's own`);
    this.#target.length = 0;
    try {
      for (const event of events) {
        this.#codec.encode(event, stream, 0, 0, this.#target);
        if (this.#target.length > WRITE_BYTES_MAX) return tooLarge(`${this.#target.length} bytes`);
      }
      return null;
    } catch (cause) {
      if (isStrataError(cause)) return cause;
      return errors.error('server.failed', `an event of ${stream} cannot be written`, { cause });
    }
  }
}
