import { assert } from '../../assert.ts';
import type { RecordedEvent } from '../../events/event.ts';
import type { CollectionView, Db, RasterView } from '../db.ts';
import type { Showing } from '../items/items.ts';
import type { FoldContext, ProjectionDefinition } from '../projection.ts';
import { OverlayCollection } from './collection.ts';
import { OverlayRaster } from './raster.ts';

/**
 * A db value with events on top that are not in the log (Datomic's `with`): folded by the projections' own folds, in memory,
 * over what the db reads. Its offset is that of the last such event; they follow the db's own.
 */
export class OverlayDb implements Db {
  readonly current = false;
  /** What lies below. */
  readonly base: Db;
  readonly #projections: readonly ProjectionDefinition[];
  readonly #collections = new Map<string, OverlayCollection>();
  readonly #rasters = new Map<string, OverlayRaster>();
  readonly #events: RecordedEvent[] = [];
  readonly #context: FoldContext = {
    collection: (name) => this.#collection(name).writer(this.offset),
    raster: (name) => this.#raster(name).writer(this.offset),
  };

  constructor(base: Db, projections: readonly ProjectionDefinition[]) {
    this.base = base;
    this.#projections = projections;
    for (const structure of projections.flatMap(({ structures }) => structures)) {
      if (structure.kind === 'collection') {
        this.#collections.set(structure.name, new OverlayCollection(structure, base));
      } else this.#rasters.set(structure.name, new OverlayRaster(structure.name, base));
    }
  }

  get offset(): number {
    return this.base.offset + this.#events.length;
  }

  /** The offset of the last event that is in the log. */
  get logged(): number {
    return this.base instanceof OverlayDb ? this.base.logged : this.base.offset;
  }

  /** Those that are not in the log, in order. */
  get events(): readonly RecordedEvent[] {
    return this.base instanceof OverlayDb ? [...this.base.events, ...this.#events] : this.#events;
  }

  /** The event's offset follows this db's; its personal fields are open, as they then are in documents. */
  fold(event: RecordedEvent): void {
    assert(event.offset === this.offset + 1, 'events on a db follow it');
    this.#events.push(event);
    for (const { folds } of this.#projections) folds[event.type]?.(event, this.#context);
  }

  collection(name: string): CollectionView {
    return this.#collection(name);
  }

  raster(name: string): RasterView {
    return this.#raster(name);
  }

  /** How to show what is read here: of the events on top, too. */
  showing(below: Showing): Showing {
    const { events, logged } = this;
    return {
      ...below,
      event: (at) => (at > logged ? events[at - logged - 1]! : below.event(at)),
      // What is not in the log has no position. Nothing reads the text: it is told as it is.
      position: (at) => (at > logged ? (null as unknown as string) : below.position(at)),
    };
  }

  #collection(name: string): OverlayCollection {
    const collection = this.#collections.get(name);
    assert(collection !== undefined, `a projection declares the collection ${name}`);
    return collection;
  }

  #raster(name: string): OverlayRaster {
    const raster = this.#rasters.get(name);
    assert(raster !== undefined, `a projection declares the raster ${name}`);
    return raster;
  }
}
