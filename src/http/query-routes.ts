import type { EventData, Json } from '#events/event.ts';
import { formatPosition } from '#events/position.ts';
import { openFields } from '#events/sealing.ts';
import type { Principal } from '#handling/domain.ts';
import type { Db } from '#history/db.ts';
import type { QueryContext, QueryRoute, Reading } from '#history/routes.ts';
import { errors } from '../errors.ts';
import { sendBlob } from './blob-answer.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { Callers } from './callers.ts';
import { matchesTag } from './conditional.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import type { HttpParts } from './parts.ts';
import { checkQuery } from './query-check.ts';
import { blobOf, bytesOf, cachingHeaders, readerOf, readerTag } from './reading-answer.ts';
import { type AsOf, resolveAsOf, waitForOffset, waitForPosition } from './reading-position.ts';
import { readParams, readQuery } from './route-pattern.ts';
import type { Handler } from './router.ts';

const KEPT_BYTES_MAX = 64 * 1024 * 1024;
/** Reads that wait for a position or a picture. */
const WAITING_MAX = 10_000;

/** An answer as it goes out; a 304 leaves out the body. */
type Answer = {
  readonly mediaType: string;
  readonly body: string | Uint8Array;
  readonly etag: string;
  /** Flat, without `Strata-Position`. */
  readonly headers: readonly string[];
};

/** An answer that holds while what it was read from has not changed. */
type Kept = {
  readonly answer: Answer;
  readonly offset: number;
  /** Null for an exact past: it holds for ever. */
  readonly lastChange: ((db: Db) => number) | null;
  /** The position that is told; `null` tells the checkpoint. */
  readonly position: string | null;
  checkedAt: number;
};

/** What one GET asks for. */
type Request = {
  readonly route: QueryRoute;
  readonly tag: string;
  readonly caller: Principal | null;
  readonly params: { readonly [name: string]: string };
  readonly url: string;
  readonly rawQuery: string;
  readonly ifNoneMatch: string;
  readonly range: string;
  readonly minPosition: string;
  readonly key: string;
};

/** Answers the declared queries: at the position asked for, with caching headers, from memory while nothing changed. */
export class Queries {
  readonly #parts: HttpParts;
  readonly #callers: Callers;
  readonly #dappUrl: (dapp: string) => string;
  readonly #kept = new BoundedCache<Kept>(KEPT_BYTES_MAX);
  #waiting = 0;
  #told = { checkpoint: -1, position: '' };

  constructor(parts: HttpParts, callers: Callers, dappUrl: (dapp: string) => string) {
    this.#parts = parts;
    this.#callers = callers;
    this.#dappUrl = dappUrl;
  }

  /** The handler of one route. `tag` stands for what computes the answer: the versions of its projections. */
  handler(route: QueryRoute, tag: string): Handler {
    return (exchange, req, pattern) => {
      const caller = this.#callers.of(req.getHeader('authorization'));
      if (caller === null && !route.public) throw errors.error('auth.required', 'reading this takes a key');
      const url = req.getUrl();
      const rawQuery = req.getQuery() ?? '';
      const ifNoneMatch = req.getHeader('if-none-match');
      const minPosition = req.getHeader('strata-min-position');
      const key = `${readerTag(caller)} ${url}?${rawQuery}`;
      if (minPosition === '') {
        const kept = this.#recall(key);
        if (kept !== null) {
          this.#send(exchange, kept.answer, kept.position ?? this.#checkpoint(), ifNoneMatch);
          return;
        }
      }
      const params = readParams(pattern, req);
      const range = req.getHeader('range');
      const request = { route, tag, caller, params, url, rawQuery, ifNoneMatch, range, minPosition, key };
      this.#answer(exchange, request).catch((error: unknown) => exchange.refuse(error));
    };
  }

  #recall(key: string): Kept | null {
    const kept = this.#kept.get(key);
    if (kept === undefined) return null;
    if (kept.lastChange === null) return kept;
    const { projections } = this.#parts;
    const checkpoint = projections.checkpoint();
    if (kept.checkedAt === checkpoint) return kept;
    if (kept.lastChange(projections.db()) !== kept.offset) {
      this.#kept.delete(key);
      return null;
    }
    kept.checkedAt = checkpoint;
    return kept;
  }

  async #answer(exchange: Exchange, request: Request): Promise<void> {
    if (this.#waiting >= WAITING_MAX) {
      throw errors.error('server.busy', 'too many reads wait', { retryAfterSeconds: 1 });
    }
    this.#waiting += 1;
    try {
      await this.#read(exchange, request);
    } finally {
      this.#waiting -= 1;
    }
  }

  async #read(exchange: Exchange, request: Request): Promise<void> {
    const { log, projections } = this.#parts;
    const { route, caller } = request;
    const { asOf: asOfText, ...rest } = readQuery(request.rawQuery);
    // A strict object makes an object.
    const query = checkQuery(route.query, rest) as QueryContext['query'];
    if (request.minPosition !== '') await waitForPosition(request.minPosition, log, projections);
    let asOf: AsOf | null = null;
    if (asOfText !== undefined) {
      asOf = await resolveAsOf(asOfText, log, Date.now());
      await waitForOffset(asOf.offset, projections);
    }
    if (exchange.over) return;

    // Told before reading: what is folded meanwhile is newer than it says, never older.
    const checkpoint = projections.checkpoint();
    const position = this.#position(asOf?.offset ?? checkpoint);
    const db = asOf === null ? projections.db() : projections.db(asOf.offset);
    const reading = await route.read(this.#context(db, query, request));
    if (exchange.over) return;

    const reader = reading.public === true ? '' : `-${readerTag(caller)}`;
    const headers = cachingHeaders(reading, asOf, this.#locationOf(request, position, asOf));
    for (const [name, value] of Object.entries(reading.headers ?? {})) headers.push(name, value);
    const mediaType = reading.mediaType ?? JSON_TYPE;
    const blob = blobOf(reading);
    if (blob !== null) {
      headers.push('Strata-Position', position);
      const { ifNoneMatch, range } = request;
      await sendBlob(exchange, this.#parts.blobs, { sha256: blob, mediaType, headers, ifNoneMatch, range });
      return;
    }
    const answer = {
      mediaType,
      body: bytesOf(reading),
      etag: `"${this.#position(reading.offset)}-${request.tag}${reader}"`,
      headers,
    };
    this.#keep(request, reading, asOf, checkpoint, answer, position);
    this.#send(exchange, answer, position, request.ifNoneMatch);
  }

  #keep(
    request: Request,
    reading: Reading,
    asOf: AsOf | null,
    checkpoint: number,
    answer: Answer,
    position: string,
  ): void {
    const lastChange = reading.lastChange ?? null;
    if (lastChange === null) return;
    const { offset } = reading;
    const bytes = answer.body.length;
    if (asOf === null) {
      this.#kept.set(request.key, { answer, offset, lastChange, position: null, checkedAt: checkpoint }, bytes);
    } else if (asOf.exact && reading.public === true) {
      // Only what nobody can have erased is kept for ever.
      this.#kept.set(request.key, { answer, offset, lastChange: null, position, checkedAt: checkpoint }, bytes);
    }
  }

  #send(exchange: Exchange, answer: Answer, position: string, ifNoneMatch: string): void {
    const headers = [...answer.headers, 'ETag', answer.etag, 'Strata-Position', position];
    if (ifNoneMatch !== '' && matchesTag(ifNoneMatch, answer.etag)) exchange.sendEmpty(304, headers);
    else exchange.send(200, answer.mediaType, answer.body, headers);
  }

  #context(db: Db, query: QueryContext['query'], request: Request): QueryContext {
    const { keys, eventAt } = this.#parts;
    return {
      db,
      query,
      params: request.params,
      reader: readerOf(request.caller),
      open: (bytes) => {
        const document = JSON.parse(bytes.toString('utf8')) as EventData;
        return openFields(document, (subject) => keys.get(subject)) as { readonly [field: string]: Json };
      },
      event: eventAt,
      position: (offset) => this.#position(offset),
      dappUrl: this.#dappUrl,
    };
  }

  /** The same address with the position in place of the time. */
  #locationOf({ url, rawQuery }: Request, position: string, asOf: AsOf | null): string | null {
    if (asOf === null || asOf.exact) return null;
    const query = new URLSearchParams(rawQuery);
    query.set('asOf', position);
    return `${url}?${query.toString()}`;
  }

  #checkpoint(): string {
    const checkpoint = this.#parts.projections.checkpoint();
    if (this.#told.checkpoint !== checkpoint) this.#told = { checkpoint, position: this.#position(checkpoint) };
    return this.#told.position;
  }

  #position(offset: number): string {
    return formatPosition({ epoch: this.#parts.log.epoch, offsets: [offset] });
  }
}
