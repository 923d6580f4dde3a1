import { errors, type StrataError } from '../errors.ts';
import type { Exchange } from './exchange.ts';

/** Bytes that wait to be taken; above it the client is held back. */
const WAITING_BYTES_MAX = 512 * 1024;

/**
 * The bytes of a request's body as they come, at most about a megabyte ahead of the reader. Must be made before the
 * handler returns. A client that leaves makes it fail with request.upload-failed.
 */
export class UploadSource implements AsyncIterable<Uint8Array> {
  readonly #exchange: Exchange;
  readonly #chunks: Buffer[] = [];
  #waitingBytes = 0;
  #paused = false;
  #complete = false;
  /** The reader does not want more: what still comes is dropped. */
  #dropping = false;
  #failure: StrataError | null = null;
  #wake = () => {};

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    exchange.whenGone = () => {
      this.#failure = errors.error('request.upload-failed', 'the client left before the end of the body');
      this.#wake();
    };
    exchange.res.onData((chunk, isLast) => this.#take(chunk, isLast));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#waitingBytes -= chunk.length;
          yield chunk;
        } else if (this.#failure !== null) throw this.#failure;
        else if (this.#complete) return;
        else {
          this.#resume();
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      this.drop();
    }
  }

  /** Forgets what waits and lets the rest of the body run by, so that the refusal can reach the client. */
  drop(): void {
    this.#dropping = true;
    this.#chunks.length = 0;
    this.#resume();
  }

  #take(chunk: ArrayBuffer, isLast: boolean): void {
    if (isLast) {
      this.#complete = true;
      // A connection that is left paused would not hear the next request.
      this.#resume();
    }
    if (!this.#dropping && chunk.byteLength > 0) {
      // The library uses the chunk's memory again.
      this.#chunks.push(Buffer.from(new Uint8Array(chunk).slice().buffer));
      this.#waitingBytes += chunk.byteLength;
      if (!isLast && !this.#paused && this.#waitingBytes > WAITING_BYTES_MAX) {
        this.#paused = true;
        this.#exchange.res.pause();
      }
    }
    this.#wake();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // An exchange that is answered or gone has no socket to resume; answers wait until the body is dropped.
    if (!this.#exchange.over) this.#exchange.res.resume();
  }
}
