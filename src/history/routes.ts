import type { z } from 'zod';
import type { BoardBitmaps } from '../cache/board-bitmaps.ts';
import type { RecordedEvent } from '../events/event.ts';
import type { Db } from './db.ts';

/** Who reads: `anonymous` has no key. */
export type Reader = { readonly role: 'admin' | 'account' | 'anonymous'; readonly account: string | null };

export type QueryContext = {
  readonly db: Db;
  /** The state of now, whatever `db` is: who may see what is decided on it. */
  readonly now: Db;
  readonly params: { readonly [name: string]: string };
  /** As the route's `query` schema made it. */
  readonly query: { readonly [name: string]: unknown };
  readonly reader: Reader;
  /** Opens the sealed fields of a document (or part of one); erased ones become `null`. */
  open(bytes: Buffer): { readonly [field: string]: unknown };
  /** The synced event at the offset. */
  event(offset: number): RecordedEvent;
  readonly position: (offset: number) => string;
  /** `http://{dapp}.localhost:8080/` for a dapp's name. */
  readonly dappUrl: (dapp: string) => string;
};

/** The only object that is not answered as JSON. */
export type BlobBody = { readonly blob: string };

/** Bytes that are dear to make: made only where they must be sent, and nobody has made them yet. Of public readings. */
export type Rendering = () => Promise<Uint8Array>;

/** A rendering is the only function that is a body. */
export function isRendering(body: Reading['body']): body is Rendering {
  return typeof body === 'function';
}

/** What a query answers. `offset` is the last that changed it: the ETag's base. */
export type Reading = {
  readonly offset: number;
  /** An object is answered as JSON; bytes, or the stored blob of this SHA-256, as they are, under `mediaType`. */
  readonly body: object | Uint8Array | string | BlobBody | Rendering;
  /** `application/json` unless told. */
  readonly mediaType?: string;
  /** May be shared by caches: boards and published files. Else `private, no-cache`. */
  readonly public?: boolean;
  /** Seconds that the current state may be cached for; 0 unless told. */
  readonly maxAgeSeconds?: number;
  readonly headers?: { readonly [name: string]: string };
  /**
   * The offset that last changed what was read, as of the given db: the server answers from memory while it is still
   * `offset`. Without it nothing is kept.
   */
  readonly lastChange?: (db: Db) => number;
};

/** A GET of a projection. All take `asOf`. */
export type QueryRoute = {
  /** `/v1/boards/{board}/bitmap`. */
  readonly path: string;
  readonly summary: string;
  /** Readable without a key. */
  readonly public: boolean;
  readonly integers?: readonly string[];
  /** A strict object of what stands in the query string besides `asOf`; all values arrive as strings. */
  readonly query: z.ZodType;
  /** For OpenAPI: the shape of the JSON answer, or the media type of the bytes. */
  readonly answers: z.ZodType | string;
  /** Throws the domain's own 404 for what is not there, and for what the reader may not see. */
  readonly read: (context: QueryContext) => Reading | Promise<Reading>;
  /**
   * The state of now at `atLeast` or later, where this process has not folded that yet but all members' bitmaps show it;
   * `at` is the offset that they stand at.
   */
  readonly readAhead?: (context: {
    readonly bitmaps: BoardBitmaps;
    readonly params: { readonly [name: string]: string };
    readonly atLeast: number;
  }) => Promise<(Reading & { readonly at: number }) | null>;
};
