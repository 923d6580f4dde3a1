import type { RecordedEvent } from '#events/event.ts';
import type { CollectionView, Db, ListQuery, Page, RasterView, Version } from '#history/db.ts';
import { documentBytes } from '#history/document-bytes.ts';
import type {
  CollectionDefinition,
  CollectionWriter,
  Document,
  FoldContext,
  ProjectionDefinition,
  RasterWriter,
  SortValue,
} from '#history/projection.ts';
import { assert } from '#src/assert.ts';

type Kept = { readonly document: Document; readonly offset: number };
type Placed = { readonly color: number; readonly offset: number };

/** Projections of now in plain maps: what tests of folds and queries run in. */
export class MemoryDb implements Db {
  readonly current = true;
  offset = 0;
  readonly #projections: readonly ProjectionDefinition[];
  readonly #collections = new Map<string, Map<string, Kept>>();
  readonly #rasters = new Map<string, Map<string, Placed>>();
  readonly #changes = new Map<string, number>();
  readonly #context: FoldContext = {
    collection: (name) => this.#writer(name),
    raster: (name) => this.#painter(name),
  };

  constructor(...projections: readonly ProjectionDefinition[]) {
    this.#projections = projections;
  }

  fold(events: readonly RecordedEvent[]): this {
    for (const event of events) {
      this.offset = event.offset;
      for (const { folds } of this.#projections) folds[event.type]?.(event, this.#context);
    }
    return this;
  }

  collection(name: string): CollectionView {
    const kept = this.#collection(name);
    const version = (key: string): Version | null => {
      const found = kept.get(key);
      return found === undefined ? null : { key, bytes: documentBytes(found.document), offset: found.offset };
    };
    const page = (keys: readonly string[], { limit, cursor, where }: Pick<ListQuery, 'limit' | 'cursor' | 'where'>) => {
      const from = cursor === undefined ? 0 : keys.indexOf(cursor) + 1;
      const items = keys
        .slice(from)
        .map((key) => version(key)!)
        .filter(({ bytes }) => where === undefined || where(bytes));
      const shown = items.slice(0, limit);
      return { items: shown, next: items.length > limit ? shown.at(-1)!.key : null } satisfies Page;
    };
    return {
      get: version,
      lastChange: (key) => kept.get(key)?.offset ?? 0,
      list: (query) => page(this.#listed(name, query), query),
      scan: ({ prefix, descending = false, ...query }) => {
        const keys = [...kept.keys()].filter((key) => key.startsWith(prefix)).sort(compare);
        return page(descending ? keys.reverse() : keys, query);
      },
      count: (counter, value) => {
        const counted = this.#definition(name).counters[counter]!;
        return [...kept.values()].filter(({ document }) => counted(document) === value).length;
      },
    };
  }

  raster(name: string): RasterView {
    const placed = this.#raster(name);
    const of = (board: string) => [...placed].filter(([place]) => place.startsWith(`${board}/`));
    return {
      pixels: async (board, width, height) =>
        Uint8Array.from(
          { length: width * height },
          (_, at) => placed.get(`${board}/${at % width}/${Math.floor(at / width)}`)?.color ?? 0,
        ),
      placement: (board, x, y) => placed.get(`${board}/${x}/${y}`) ?? null,
      lastChange: (board) => Math.max(0, ...of(board).map(([, { offset }]) => offset)),
      changes: (board) => this.#changes.get(board) ?? 0,
    };
  }

  #listed(name: string, query: ListQuery): string[] {
    const index = this.#definition(name).indexes[query.index];
    assert(index !== undefined, `there is an index ${query.index}`);
    const { sortAfter, sortBefore } = query;
    const rows = [...this.#collection(name)].flatMap(([key, { document }]) => {
      const values = [index.value(document)].flat();
      const sort = index.sort(document);
      const isWithin =
        (sortAfter === undefined || compare(sort, sortAfter) > 0) &&
        (sortBefore === undefined || compare(sort, sortBefore) < 0);
      return values.includes(query.value) && isWithin ? [{ key, sort }] : [];
    });
    rows.sort((a, b) => compare(a.sort, b.sort) || compare(a.key, b.key));
    if (query.descending === true) rows.reverse();
    return rows.map(({ key }) => key);
  }

  #definition(name: string): CollectionDefinition {
    const structures = this.#projections.flatMap((projection) => projection.structures);
    const found = structures.find((structure) => structure.kind === 'collection' && structure.name === name);
    assert(found?.kind === 'collection', `there is a collection ${name}`);
    return found;
  }

  #writer(name: string): CollectionWriter {
    const kept = this.#collection(name);
    return {
      get: (key) => kept.get(key)?.document ?? null,
      put: (key, document) => {
        kept.set(key, { document, offset: this.offset });
      },
      delete: (key) => {
        kept.delete(key);
      },
    };
  }

  #painter(name: string): RasterWriter {
    const placed = this.#raster(name);
    return {
      set: (board, x, y, color) => {
        this.#changes.set(board, (this.#changes.get(board) ?? 0) + 1);
        placed.set(`${board}/${x}/${y}`, { color, offset: this.offset });
      },
    };
  }

  #collection(name: string): Map<string, Kept> {
    const kept = this.#collections.get(name) ?? new Map<string, Kept>();
    this.#collections.set(name, kept);
    return kept;
  }

  #raster(name: string): Map<string, Placed> {
    const placed = this.#rasters.get(name) ?? new Map<string, Placed>();
    this.#rasters.set(name, placed);
    return placed;
  }
}

/** `null` before numbers before strings, which stand by their UTF-8 bytes. */
function compare(a: SortValue, b: SortValue): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return rank(a) - rank(b);
}

function rank(value: SortValue): number {
  if (value === null) return 0;
  return typeof value === 'number' ? 1 : 2;
}
