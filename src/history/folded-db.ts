import { assert } from '../assert.ts';
import { ReadCollection } from './collection-view.ts';
import type { CollectionView, Db, RasterView } from './db.ts';
import type { FoldProgress } from './fold-progress.ts';
import { ReadRaster } from './raster-view.ts';
import type { ReadStore } from './read-store.ts';
import type { ReadingPoint } from './reading-point.ts';
import type { Snapshot } from './tree.ts';

/** The newest commit that the readers of this thread see. */
export type Commit = { readonly offset: number; readonly snapshot: Snapshot };

/** The db value over what the fold wrote: the same answers for ever, read from whatever commit is newest. */
export class FoldedDb implements Db {
  readonly offset: number;
  readonly current: boolean;
  readonly #store: ReadStore;
  readonly #progress: FoldProgress;
  readonly #commit: () => Commit;
  readonly #collections = new Map<string, CollectionView>();
  readonly #rasters = new Map<string, RasterView>();

  constructor(
    { offset, current }: { offset: number; current: boolean },
    store: ReadStore,
    progress: FoldProgress,
    commit: () => Commit,
  ) {
    this.offset = offset;
    this.current = current;
    this.#store = store;
    this.#progress = progress;
    this.#commit = commit;
  }

  collection(name: string): CollectionView {
    let view = this.#collections.get(name);
    if (view === undefined) {
      const collection = this.#store.collections.get(name);
      assert(collection !== undefined, `a projection declares the collection ${name}`);
      const { definition, trees, versions } = collection;
      view = new ReadCollection(definition, trees, versions, () => this.#point());
      this.#collections.set(name, view);
    }
    return view;
  }

  raster(name: string): RasterView {
    let view = this.#rasters.get(name);
    if (view === undefined) {
      const raster = this.#store.rasters.get(name);
      assert(raster !== undefined, `a projection declares the raster ${name}`);
      view = new ReadRaster(raster.trees, raster.file, raster.boards, this.#progress, () => this.#point());
      this.#rasters.set(name, view);
    }
    return view;
  }

  #point(): ReadingPoint {
    const { offset: committed, snapshot } = this.#commit();
    return { offset: this.offset, snapshot, committed };
  }
}
