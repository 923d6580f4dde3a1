import type { SortValue } from './projection.ts';

/** A document's version: its canonical JSON bytes (personal fields still sealed) and the offset that made it. */
export type Version = { readonly key: string; readonly bytes: Buffer; readonly offset: number };

export type ListQuery = {
  readonly index: string;
  readonly value: string;
  /** Bounds on the sort value, both excluded. */
  readonly sortAfter?: SortValue;
  readonly sortBefore?: SortValue;
  readonly descending?: boolean;
  /** A further filter; at most `SCAN_ROWS_MAX` rows are looked at for one page. */
  readonly where?: (bytes: Buffer) => boolean;
  /** 1-1,000. */
  readonly limit: number;
  /** From an earlier page's `next`. */
  readonly cursor?: string;
};

/** `next` is null after the last page. A page may hold fewer than `limit` items and still have a next one. */
export type Page = { readonly items: readonly Version[]; readonly next: string | null };

/** A collection as it was at the db's position. Reading is synchronous: memory-mapped trees and the page cache. */
export interface CollectionView {
  get(key: string): Version | null;
  /** The offset of the key's last version, deletions included; 0 where there was none. Cheaper than `get`. */
  lastChange(key: string): number;
  list(query: ListQuery): Page;
  /** Documents in key order whose keys begin with `prefix`. */
  scan(query: { prefix: string; limit: number; cursor?: string; descending?: boolean }): Page;
  count(counter: string, value: string): number;
}

export type Placement = { readonly color: number; readonly offset: number };

/** A board of `width` x `height` as it was at the db's position. */
export interface RasterView {
  /** Colours row by row, one byte a place. */
  pixels(board: string, width: number, height: number): Promise<Uint8Array>;
  /** The place's colour and the offset that set it, or `null` for a place that was never set. */
  placement(board: string, x: number, y: number): Placement | null;
  /** The offset of the last change of the board at or before the db's position, 0 where there was none. */
  lastChange(board: string): number;
  /** How many changes the board had at or before the db's position. */
  changes(board: string): number;
}

/** The state of all projections at a position: an immutable value (Datomic's word). */
export interface Db {
  /** The offset of the position that is read. */
  readonly offset: number;
  /** False when the db was asked for by `asOf`. */
  readonly current: boolean;
  collection(name: string): CollectionView;
  raster(name: string): RasterView;
}

/** All projections of a running server, folded on their own thread; what the other layers read through. */
export interface Projections {
  /** The state now, or as it was after the event at `offset`, which must be folded already. */
  db(offset?: number): Db;
  /** The offset folded and committed up to. */
  checkpoint(): number;
  /** Tells the fold that the log is synced up to the offset. */
  advance(synced: number): void;
  /**
   * Resolves once `offset` is folded and committed.
   * @throws history.not-yet when that takes longer than `timeoutMs`, or the fold has stopped.
   */
  waitFor(offset: number, timeoutMs: number): Promise<void>;
  /** For how long synced events have waited to be folded, in ms; 0 when none wait. */
  lagMs(): number;
  /** Why the fold stopped, or `null`. */
  fault(): Error | null;
  close(): Promise<void>;
}
