import type { RecordedEvent } from '#events/event.ts';
import type { CollectionView, Db, RasterView } from '#history/db.ts';
import type { FoldContext, ProjectionDefinition } from '#history/projection.ts';
import { assert } from '#src/assert.ts';
import { MemoryCollection } from './memory-collection.ts';
import { MemoryRaster } from './memory-raster.ts';

/** Projections in plain maps, with all their past: what tests of folds and queries run in, and others compare with. */
export class MemoryDb implements Db {
  readonly current = true;
  offset = 0;
  readonly #projections: readonly ProjectionDefinition[];
  readonly #collections = new Map<string, MemoryCollection>();
  readonly #rasters = new Map<string, MemoryRaster>();
  readonly #context: FoldContext = {
    collection: (name) => this.#collection(name).writer(this.offset),
    raster: (name) => this.#raster(name).writer(this.offset),
  };

  constructor(...projections: readonly ProjectionDefinition[]) {
    this.#projections = projections;
    for (const structure of projections.flatMap(({ structures }) => structures)) {
      if (structure.kind === 'collection') this.#collections.set(structure.name, new MemoryCollection(structure));
      else this.#rasters.set(structure.name, new MemoryRaster(structure.name));
    }
  }

  fold(events: readonly RecordedEvent[]): this {
    for (const event of events) {
      this.offset = event.offset;
      for (const { folds } of this.#projections) folds[event.type]?.(event, this.#context);
    }
    return this;
  }

  collection(name: string): CollectionView {
    return this.#collection(name).view(this.offset);
  }

  raster(name: string): RasterView {
    return this.#raster(name).view(this.offset);
  }

  /** The state at an offset up to this one's. */
  at(offset: number): Db {
    return {
      offset,
      current: false,
      collection: (name) => this.#collection(name).view(offset),
      raster: (name) => this.#raster(name).view(offset),
    };
  }

  #collection(name: string): MemoryCollection {
    const collection = this.#collections.get(name);
    assert(collection !== undefined, `there is a collection ${name}`);
    return collection;
  }

  #raster(name: string): MemoryRaster {
    const raster = this.#rasters.get(name);
    assert(raster !== undefined, `there is a raster ${name}`);
    return raster;
  }
}
