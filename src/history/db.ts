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

/** One version of a document, as its history lists it. `bytes` is `null` for a deletion. */
export type DocumentVersion = { readonly key: string; readonly offset: number; readonly bytes: Buffer | null };

export type VersionPage = { readonly items: readonly DocumentVersion[]; readonly next: string | null };

/** The range of a diff: (`from`, the db's offset]. `from` is an offset at or before the db's. */
export type ChangesQuery = {
  readonly from: number;
  /** Only keys that begin with it. */
  readonly prefix?: string;
  /** False leaves `before` and `after` unread: what changed, not how. True unless told. */
  readonly documents?: boolean;
  /** 1-1,000. */
  readonly limit: number;
  readonly cursor?: string;
};

/** A document that differs between two positions. Neither is told where `documents` is false, or of an erased one. */
export type DocumentChange = {
  readonly key: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly before: Version | null;
  readonly after: Version | null;
  /** The offset that last touched the key in the range. */
  readonly offset: number;
};

/** In the order of last touches. A page may hold fewer than `limit` items and still have a next one. */
export type ChangePage = { readonly items: readonly DocumentChange[]; readonly next: string | null };

export type ChangeCounts = { readonly added: number; readonly removed: number; readonly changed: number };

/** What a structure holds, in one number: the sum mod 2^256 of the SHA-256 of its elements. Finds faults, not forgers. */
export type Fingerprint = {
  /** Elements: documents, or places that were set. */
  readonly count: number;
  /** 64 hex digits. */
  readonly sum: string;
};

/** A collection as it was at the db's position. Reading is synchronous: memory-mapped trees and the page cache. */
export interface CollectionView {
  get(key: string): Version | null;
  /** The offset of the key's last version, deletions included; 0 where there was none. Cheaper than `get`. */
  lastChange(key: string): number;
  list(query: ListQuery): Page;
  /** Documents in key order whose keys begin with `prefix`. */
  scan(query: { prefix: string; limit: number; cursor?: string; descending?: boolean }): Page;
  count(counter: string, value: string): number;
  /** True once the document was destroyed for good: then it is at no position, past ones included. */
  isErased(key: string): boolean;
  /** Versions up to the db's position, newest first. */
  versions(query: { key: string; limit: number; cursor?: string }): VersionPage;
  /** What differs between `from` and the db's position; costs what changed, not what exists. */
  changes(query: ChangesQuery): ChangePage;
  /** How many documents `changes` would give in all; lets other work of the thread go on meanwhile. */
  changeCounts(query: { from: number; prefix?: string }): Promise<ChangeCounts>;
  /** Of the documents at the db's position, as they are known now: erased ones are left out. */
  fingerprint(): Promise<Fingerprint>;
}

export type Placement = { readonly color: number; readonly offset: number };

/** A place whose colour differs between two positions. `offset` set it last in the range. */
export type PixelChange = {
  readonly x: number;
  readonly y: number;
  readonly before: number;
  readonly after: number;
  readonly offset: number;
};

export type PixelChangePage = { readonly items: readonly PixelChange[]; readonly next: string | null };

/** A rectangle of a board's places. */
export type Region = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** The range of a board's diff: (`from`, the db's offset]. `from` is an offset at or before the db's. */
export type PlacesQuery = {
  readonly board: string;
  readonly from: number;
  /** Only places of this region; of the whole board unless told. */
  readonly within?: Region;
  /** 1-65,536: as many places as a tile has. */
  readonly limit: number;
  readonly cursor?: string;
};

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
  /** Places that differ between `from` (excluded) and the db's position, tile by tile, row by row. */
  changed(query: PlacesQuery): Promise<PixelChangePage>;
  /** What was set at one place up to the db's position, newest first. */
  placements(query: { board: string; x: number; y: number; limit: number; cursor?: string }): {
    readonly items: readonly Placement[];
    readonly next: string | null;
  };
  /** Of all places that were ever set, on all boards. */
  fingerprint(): Promise<Fingerprint>;
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
