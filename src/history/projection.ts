import type { Json, RecordedEvent } from '../events/event.ts';

/** A document as folds write it: a plain JSON object; arrays that are sets are sorted by the fold. */
export type Document = { readonly [field: string]: Json };

/** The order within an index: strings by UTF-8 bytes, numbers by value, `null` first. */
export type SortValue = string | number | null;

export type IndexDefinition = {
  /** The value that a query names, or several for one document (tags), or `null` to leave the document out. */
  readonly value: (document: Document) => string | readonly string[] | null;
  readonly sort: (document: Document) => SortValue;
};

/** Documents by key, versioned: see `docs/reference/history.md`. Keys are 1-255 bytes of UTF-8 without NUL. */
export type CollectionDefinition = {
  readonly kind: 'collection';
  readonly name: string;
  readonly indexes: { readonly [name: string]: IndexDefinition };
  /** Versioned counts of documents per declared value; `null` counts a document nowhere. */
  readonly counters: { readonly [name: string]: (document: Document) => string | null };
};

/** Boards of pixels, versioned, in tiles of 256 x 256 places. */
export type RasterDefinition = { readonly kind: 'raster'; readonly name: string };

/** What a fold may do to a collection. A deleted document has versions still. */
export interface CollectionWriter {
  get(key: string): Document | null;
  put(key: string, document: Document): void;
  delete(key: string): void;
  /** Destroys every version of the document, for good: what is put later under its key is ignored. */
  erase(key: string): void;
}

export interface RasterWriter {
  /** Sets the place's colour (0-255) at the event's offset. 0 <= x, y < 65,536; all places begin as colour 0. */
  set(board: string, x: number, y: number, color: number): void;
}

export interface FoldContext {
  collection(name: string): CollectionWriter;
  raster(name: string): RasterWriter;
}

/** The event is valid only during the call: its memory is used again. */
export type Fold = (event: RecordedEvent, context: FoldContext) => void;

/** A deterministic fold of events into structures to read. */
export type ProjectionDefinition = {
  readonly name: string;
  /** Moves up whenever the same events would fold to other bytes. */
  readonly version: number;
  readonly structures: readonly (CollectionDefinition | RasterDefinition)[];
  /** By event type. Types that no projection and no domain knows stop the fold: `history.unknown-event`. */
  readonly folds: { readonly [type: string]: Fold };
};

export function defineProjection(definition: ProjectionDefinition): ProjectionDefinition {
  return definition;
}

export function collection(
  name: string,
  declared: Partial<Pick<CollectionDefinition, 'indexes' | 'counters'>> = {},
): CollectionDefinition {
  return { kind: 'collection', name, indexes: {}, counters: {}, ...declared };
}

export function raster(name: string): RasterDefinition {
  return { kind: 'raster', name };
}
