import type { Principal } from '#handling/domain.ts';
import { type AsOf, offsetInEpoch } from '#history/as-of.ts';
import type { Db } from '#history/db.ts';
import type { Showing } from '#history/items/items.ts';
import { isRendering, type QueryContext, type QueryRoute, type Reading, type Rendering } from '#history/routes.ts';
import { cursorOffset } from '#history/storage/cursor.ts';
import { assert } from '../assert.ts';
import { errors } from '../errors.ts';
import { sendBlob } from './blob-answer.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { Callers } from './callers.ts';
import { matchesTag } from './conditional.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import type { HttpParts } from './parts.ts';
import { checkQuery } from './query-check.ts';
import { blobOf, bytesOf, cachingHeaders, locationAt, readerOf, readerTag, tagOfBytes } from './reading-answer.ts';
import { reachAsOf, waitForOffset } from './reading-position.ts';
import { Renderings } from './renderings.ts';
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
  readonly prefer: string;
  readonly minPosition: string;
  readonly key: string;
};

/** A reading whose bytes are to be made. */
type Rendered = {
  readonly reading: Reading;
  readonly render: Rendering;
  /** The query without `asOf`. */
  readonly rest: { readonly [name: string]: string };
  readonly asOf: AsOf | null;
  readonly checkpoint: number;
  readonly position: string;
  readonly headers: readonly string[];
};

/** Answers the declared queries: at the position asked for, with caching headers, from memory while nothing changed. */
export class Queries {
  readonly #parts: HttpParts;
  readonly #callers: Callers;
  readonly #showing: Showing;
  readonly #kept = new BoundedCache<Kept>(KEPT_BYTES_MAX);
  readonly #renderings: Renderings;
  #waiting = 0;
  #told = { checkpoint: -1, position: '' };

  constructor(parts: HttpParts, callers: Callers, showing: Showing) {
    this.#parts = parts;
    this.#callers = callers;
    this.#showing = showing;
    this.#renderings = new Renderings(parts.shared.cache);
  }

  /** The handler of one route. `tagNow` stands for what computes the answer: which copies of its projections serve. */
  handler(route: QueryRoute, tagNow: () => string): Handler {
    return (exchange, req, pattern) => {
      const caller = this.#callers.of(req.getHeader('authorization'));
      if (caller === null && !route.public) throw errors.error('auth.required', 'reading this takes a key');
      const url = req.getUrl();
      const rawQuery = req.getQuery() ?? '';
      const ifNoneMatch = req.getHeader('if-none-match');
      const minPosition = req.getHeader('strata-min-position');
      const tag = tagNow();
      const key = `${readerTag(caller)} ${tag} ${url}?${rawQuery}`;
      if (minPosition === '') {
        const kept = this.#recall(key);
        if (kept !== null) {
          this.#send(exchange, kept.answer, kept.position ?? this.#checkpoint(), ifNoneMatch);
          return;
        }
      }
      const params = readParams(pattern, req);
      const range = req.getHeader('range');
      const prefer = req.getHeader('prefer');
      const request = { route, tag, caller, params, url, rawQuery, ifNoneMatch, range, prefer, minPosition, key };
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
    const { route } = request;
    const { asOf: asOfText, ...rest } = readQuery(request.rawQuery);
    // A strict object makes an object.
    const query = checkQuery(route.query, rest) as QueryContext['query'];
    if (request.minPosition !== '') {
      const atLeast = offsetInEpoch(request.minPosition, log);
      if (asOfText === undefined && (await this.#readAhead(exchange, request, atLeast))) return;
      await waitForOffset(atLeast, projections);
    }
    const asOf = asOfText === undefined ? null : await reachAsOf(asOfText, this.#parts);
    if (exchange.over) return;

    // Told before reading: what is folded meanwhile is newer than it says, never older.
    const checkpoint = projections.checkpoint();
    const cursorAt = pinnedBy(query, asOf);
    const position = this.#position(cursorAt ?? asOf?.offset ?? checkpoint);
    const db = asOf === null ? projections.db() : projections.db(asOf.offset);
    const reading = await route.read(this.#context(db, query, request));
    if (exchange.over) return;

    const headers = cachingHeaders(reading, asOf, this.#locationOf(request, position, asOf));
    for (const [name, value] of Object.entries(reading.headers ?? {})) headers.push(name, value);
    const mediaType = reading.mediaType ?? JSON_TYPE;
    const blob = blobOf(reading);
    if (blob !== null) {
      headers.push('Strata-Position', position);
      const { ifNoneMatch, range, prefer } = request;
      await sendBlob(exchange, this.#parts.blobs, { sha256: blob, mediaType, headers, ifNoneMatch, range, prefer });
      return;
    }
    if (isRendering(reading.body)) {
      await this.#render(exchange, request, {
        reading,
        render: reading.body,
        rest,
        asOf,
        checkpoint,
        position,
        headers,
      });
      return;
    }
    const body = bytesOf(reading.body);
    const answer = { mediaType, body, etag: this.#etag(request, reading, asOf, body), headers };
    this.#keep(request, reading, asOf, checkpoint, answer, position);
    this.#send(exchange, answer, position, request.ifNoneMatch);
  }

  /** Makes the bytes only where the client has others: their tag is known before. */
  async #render(exchange: Exchange, request: Request, rendered: Rendered): Promise<void> {
    const { reading, render, rest, asOf, checkpoint, position, headers } = rendered;
    assert(reading.public === true, 'what is rendered is for everyone');
    const etag = this.#etag(request, reading, asOf, '');
    if (request.ifNoneMatch !== '' && matchesTag(request.ifNoneMatch, etag)) {
      exchange.sendEmpty(304, [...headers, 'ETag', etag, 'Strata-Position', position]);
      return;
    }
    // A picture of now may show more than its tag says; one of the past never does.
    const name = `${asOf === null ? 'now' : 'past'} ${request.url}?${new URLSearchParams(rest)} ${etag}`;
    const body = await this.#renderings.of(name, render, () => !exchange.over);
    if (body === null || exchange.over) return;
    const answer = { mediaType: reading.mediaType ?? JSON_TYPE, body, etag, headers };
    this.#keep(request, reading, asOf, checkpoint, answer, position);
    this.#send(exchange, answer, position, '');
  }

  /** Answers what is not folded here yet from what members share, where that has come as far: true when it did. */
  async #readAhead(exchange: Exchange, request: Request, atLeast: number): Promise<boolean> {
    const { route, params } = request;
    const { shared, projections } = this.#parts;
    if (route.readAhead === undefined || shared.boards === null || projections.checkpoint() >= atLeast) return false;
    // Where it does not answer, there is still the fold to wait for.
    const reading = await route.readAhead({ bitmaps: shared.boards, params, atLeast }).catch(() => null);
    if (reading === null || isRendering(reading.body)) return false;
    const body = bytesOf(reading.body);
    const headers = cachingHeaders(reading, null, null);
    const answer = {
      mediaType: reading.mediaType ?? JSON_TYPE,
      body,
      etag: this.#etag(request, reading, null, body),
      headers,
    };
    this.#send(exchange, answer, this.#position(reading.at), request.ifNoneMatch);
    return true;
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

  /** What is private may be erased, which changes the past too: its tag is made of the bytes themselves. */
  #etag(request: Request, reading: Reading, asOf: AsOf | null, body: string | Uint8Array): string {
    const { tag, caller } = request;
    if (reading.public === true) return `"${this.#position(reading.offset)}-${tag}"`;
    const base = asOf === null ? this.#position(reading.offset) : tagOfBytes(body);
    return `"${base}-${tag}-${readerTag(caller)}"`;
  }

  #context(db: Db, query: QueryContext['query'], request: Request): QueryContext {
    const { open, event, position, dappUrl } = this.#showing;
    const now = db.current ? db : this.#parts.projections.db();
    return { db, now, query, params: request.params, reader: readerOf(request.caller), open, event, position, dappUrl };
  }

  /** The same address with the position in place of the time. */
  #locationOf({ url, rawQuery }: Request, position: string, asOf: AsOf | null): string | null {
    if (asOf === null || asOf.exact) return null;
    return locationAt(url, rawQuery, { asOf: position });
  }

  #checkpoint(): string {
    const checkpoint = this.#parts.projections.checkpoint();
    if (this.#told.checkpoint !== checkpoint) this.#told = { checkpoint, position: this.#position(checkpoint) };
    return this.#told.position;
  }

  #position(offset: number): string {
    return this.#showing.position(offset);
  }
}

/** The position of page 1, which later pages are of. @throws history.cursor where an exact `asOf` names another. */
function pinnedBy({ cursor }: QueryContext['query'], asOf: AsOf | null): number | null {
  const offset = typeof cursor === 'string' ? cursorOffset(cursor) : null;
  if (offset !== null && asOf?.exact === true && offset !== asOf.offset) {
    throw errors.error('history.cursor', `the cursor is of a list at another position than ${asOf.offset}`);
  }
  return offset;
}
