import { assert } from '../../assert.ts';
import { ReadCollection } from '../collection/view.ts';
import type { CollectionView, Db, RasterView } from '../db.ts';
import { ReadRaster } from '../raster/view.ts';
import type { Snapshot } from '../storage/tree.ts';
import type { FoldProgress } from './fold-progress.ts';
import type { ReadStore } from './read-store.ts';
import type { ReadingPoint } from './reading-point.ts';

/** The newest commit that the readers of this thread see. */
export type Commit = { readonly offset: number; readonly snapshot: Snapshot };

/** What one fold wrote, opened for reading. */
export type FoldedSource = {
  readonly store: ReadStore;
  readonly progress: FoldProgress;
  readonly commit: () => Commit;
};

type From<View> = { readonly source: FoldedSource; readonly view: View };

/** The db value over what folds wrote: the same answers for ever, read from whatever copy is live and commit is newest. */
export class FoldedDb implements Db {
  readonly offset: number;
  readonly current: boolean;
  readonly #sourceOf: (structure: string) => FoldedSource;
  readonly #collections = new Map<string, From<CollectionView>>();
  readonly #rasters = new Map<string, From<RasterView>>();

  /** `sourceOf` tells where a structure is read now. */
  constructor(
    { offset, current }: { offset: number; current: boolean },
    sourceOf: (structure: string) => FoldedSource,
  ) {
    this.offset = offset;
    this.current = current;
    this.#sourceOf = sourceOf;
  }

  collection(name: string): CollectionView {
    const source = this.#sourceOf(name);
    const known = this.#collections.get(name);
    if (known?.source === source) return known.view;
    const collection = source.store.collections.get(name);
    assert(collection !== undefined, `a projection declares the collection ${name}`);
    const view = new ReadCollection(collection, () => this.#point(source));
    this.#collections.set(name, { source, view });
    return view;
  }

  raster(name: string): RasterView {
    const source = this.#sourceOf(name);
    const known = this.#rasters.get(name);
    if (known?.source === source) return known.view;
    const raster = source.store.rasters.get(name);
    assert(raster !== undefined, `a projection declares the raster ${name}`);
    const view = new ReadRaster(name, raster, source.progress, () => this.#point(source));
    this.#rasters.set(name, { source, view });
    return view;
  }

  #point({ commit }: FoldedSource): ReadingPoint {
    const { offset: committed, snapshot } = commit();
    return { offset: this.offset, snapshot, committed };
  }
}
