import { STATUS_CODES } from 'node:http';
import type { StrataError } from '../errors.ts';
import { asStrataError, problemOf, refusalHeaders } from './problem.ts';
import type { RouteCounts } from './route-counts.ts';
import type { HttpResponse } from './uws.ts';

export const JSON_TYPE = 'application/json';
const PROBLEM_TYPE = 'application/problem+json';

/**
 * Header fields that every answer has, as further lines of the first field's value: the library copies a value as it
 * is, and one call costs less than four. Keys are sent by header only, never by the browser itself, so any origin may ask.
 */
const COMMON_FIELDS = [
  'nosniff',
  'Access-Control-Allow-Origin: *',
  'Access-Control-Expose-Headers: Strata-Position, ETag, Content-Location, Idempotency-Replayed, Retry-After, RateLimit, RateLimit-Policy',
].join('\r\n');
const JSON_FIELDS = typedFields(JSON_TYPE);

function typedFields(mediaType: string): string {
  return `${mediaType}\r\nX-Content-Type-Options: ${COMMON_FIELDS}`;
}

const NO_FIELDS: readonly string[] = [];

/** Further header fields as lines of the first one's value. */
function joined(value: string, headers: readonly string[]): string {
  let lines = value;
  for (let at = 0; at < headers.length; at += 2) lines += `\r\n${headers[at]}: ${headers[at + 1]}`;
  return lines;
}

/** The library copies what a client does not take at once: larger bodies are handed to it bit by bit instead. */
const COPIED_BYTES_MAX = 256 * 1024;

/** A media type with nothing in it that could end a header field. */
const MEDIA_TYPE = /^[\w.+/-]{3,127}(?:; ?[\w-]+=[\w.-]+)*$/;

const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `${status} ${STATUS_CODES[status] ?? 'Unknown'}`;
    statusLines.set(status, line);
  }
  return line;
}

/** What all exchanges of a server share. */
export type Desk = {
  readonly report: Report;
  /** Exchanges whose answer is not complete. */
  underWay: number;
};

export type Report = (message: string, fields: { readonly [name: string]: unknown }) => void;

/** One request and its answer: answered once, or gone when the client left. */
export class Exchange {
  readonly res: HttpResponse;
  /** True for HEAD: the answer's header without its body. */
  readonly headOnly: boolean;
  /** True once answered, or when the client left: then no answer may begin. */
  over = false;
  /** True when the client left: then nothing may be written. */
  gone = false;
  /** Called when the client leaves before the answer is complete. */
  whenGone: (() => void) | null = null;
  /** Header fields of whatever the answer is: flat, name before value. */
  fields: readonly string[] = NO_FIELDS;
  /** What it is counted as once it is complete; `null` for none. */
  counts: RouteCounts | null = null;
  readonly #desk: Desk;
  readonly #startedMs = performance.now();
  /** 0 until the answer begins. */
  #status = 0;
  #finished = false;

  constructor(res: HttpResponse, headOnly: boolean, desk: Desk) {
    this.res = res;
    this.headOnly = headOnly;
    this.#desk = desk;
    desk.underWay += 1;
    res.onAborted(() => {
      this.over = true;
      this.gone = true;
      this.finish();
      this.whenGone?.();
    });
  }

  /** Claims the answer, for one that is streamed: false when the exchange is over. `finish` must follow. */
  begin(): boolean {
    if (this.over) return false;
    this.over = true;
    return true;
  }

  /** The answer is complete. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#desk.underWay -= 1;
    this.counts?.answered(this.#status, performance.now() - this.#startedMs);
  }

  /** Answers. `headers` are flat: name before value. Does nothing when the exchange is over. */
  send(status: number, mediaType: string, body: string | Uint8Array, headers: readonly string[]): void {
    if (!this.begin()) return;
    this.#status = status;
    if (body.length > COPIED_BYTES_MAX && !this.headOnly) {
      this.#pour(status, mediaType, typeof body === 'string' ? Buffer.from(body) : body, headers);
      return;
    }
    this.finish();
    this.res.cork(() => {
      this.writeHead(status, mediaType, headers);
      if (!this.headOnly) {
        this.res.end(body);
        return;
      }
      const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
      this.res.writeHeader('Content-Length', String(bytes));
      this.res.endWithoutBody();
    });
  }

  /** An answer without a body: 204 and 304, redirects. */
  sendEmpty(status: number, headers: readonly string[]): void {
    if (!this.begin()) return;
    this.#status = status;
    this.finish();
    this.res.cork(() => {
      this.res.writeStatus(statusLine(status));
      this.res.writeHeader('X-Content-Type-Options', joined(joined(COMMON_FIELDS, headers), this.fields));
      if (status >= 300 && status !== 304 && !this.headOnly) this.res.end();
      else this.res.endWithoutBody();
    });
  }

  /** Status line and header; inside of `cork`, and only for answers that are streamed. */
  writeHead(status: number, mediaType: string, headers: readonly string[]): void {
    this.#status = status;
    if (status !== 200) this.res.writeStatus(statusLine(status));
    if (mediaType === JSON_TYPE)
      this.res.writeHeader('Content-Type', joined(joined(JSON_FIELDS, headers), this.fields));
    else {
      const safe = MEDIA_TYPE.test(mediaType) ? mediaType : 'application/octet-stream';
      this.res.writeHeader('Content-Type', joined(joined(typedFields(safe), headers), this.fields));
    }
  }

  /** Answers with a problem; what is not from the tables is reported and told as `server.failed`. */
  refuse(error: unknown, headers: readonly string[] = []): void {
    const refusal = asStrataError(error);
    this.report(refusal);
    this.send(refusal.status, PROBLEM_TYPE, JSON.stringify(problemOf(refusal)), [
      ...refusalHeaders(refusal),
      ...headers,
    ]);
  }

  /** Tells the operator what the client is not told. */
  report(error: StrataError): void {
    if (error.code === 'server.failed') this.#desk.report('a request failed', { error: error.cause ?? error });
  }

  /** Sends a large body as the client takes it. */
  #pour(status: number, mediaType: string, body: Uint8Array, headers: readonly string[]): void {
    const { res } = this;
    let from = 0;
    const send = (offset: number): boolean => {
      const [taken, complete] = res.tryEnd(body.subarray(offset - from), body.byteLength);
      if (complete) this.finish();
      return taken;
    };
    res.onWritable(send);
    res.cork(() => {
      this.writeHead(status, mediaType, headers);
      from = res.getWriteOffset();
      send(from);
    });
  }
}
