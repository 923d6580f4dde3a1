import { assert } from '../../assert.ts';
import { openCollectionTrees } from '../collection/trees.ts';
import { FoldedCollection } from '../collection/writer.ts';
import { EMPTY_FINGERPRINT } from '../fingerprint.ts';
import type { FoldContext, ProjectionDefinition } from '../projection.ts';
import { openRasterTrees } from '../raster/trees.ts';
import { FoldedRaster } from '../raster/writer.ts';
import { AppendFile } from '../storage/append-file.ts';
import type { Trees } from '../storage/tree.ts';
import type { TreeKey } from '../storage/tree-key.ts';
import type { Checkpoint } from './checkpoint.ts';
import { structureFile, structureId } from './structure.ts';

/** Told about every tile that a raster makes or loads; `structure` as `structureId` names it. */
export type FoldedTileListener = (structure: string, board: TreeKey, index: number, memory: SharedArrayBuffer) => void;

/** One projection while it is folded: its structures, and what its next checkpoint says. */
export class FoldedProjection implements FoldContext {
  readonly definition: ProjectionDefinition;
  readonly #structures: readonly (FoldedCollection | FoldedRaster)[];
  readonly #collections = new Map<string, FoldedCollection>();
  readonly #rasters = new Map<string, FoldedRaster>();
  #checkpoint: Checkpoint;

  constructor(
    dir: string,
    trees: Trees,
    definition: ProjectionDefinition,
    checkpoint: Checkpoint,
    onTile: FoldedTileListener,
  ) {
    this.definition = definition;
    this.#checkpoint = checkpoint;
    for (const structure of definition.structures) {
      const name = structureFile(dir, definition, structure);
      const file = new AppendFile(name, checkpoint.files[structure.name] ?? { end: 0, synced: 0 });
      if (structure.kind === 'collection') {
        const opened = openCollectionTrees(trees, definition, structure);
        const fingerprint = checkpoint.fingerprints[structure.name] ?? EMPTY_FINGERPRINT;
        const collection = new FoldedCollection(structure, opened, file, fingerprint);
        this.#collections.set(structure.name, collection);
      } else {
        const id = structureId(definition, structure);
        const listener = (board: TreeKey, index: number, memory: SharedArrayBuffer) => onTile(id, board, index, memory);
        const raster = new FoldedRaster(openRasterTrees(trees, definition, structure), file, listener);
        this.#rasters.set(structure.name, raster);
      }
    }
    this.#structures = [...this.#collections.values(), ...this.#rasters.values()];
  }

  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  collection(name: string): FoldedCollection {
    const collection = this.#collections.get(name);
    assert(collection !== undefined, `projection ${this.definition.name} declares the collection ${name}`);
    return collection;
  }

  raster(name: string): FoldedRaster {
    const raster = this.#rasters.get(name);
    assert(raster !== undefined, `projection ${this.definition.name} declares the raster ${name}`);
    return raster;
  }

  /** What is folded next came of the event at `offset`. */
  enter(offset: number): void {
    for (let at = 0; at < this.#structures.length; at++) this.#structures[at]!.offset = offset;
  }

  get pendingBytes(): number {
    return this.#structures.reduce((sum, { pendingBytes }) => sum + pendingBytes, 0);
  }

  /** True when a structure asks to be committed before more is folded. */
  get isFull(): boolean {
    for (const raster of this.#rasters.values()) if (raster.isFull) return true;
    return false;
  }

  flush(): void {
    for (const structure of this.#structures) structure.flush();
  }

  /** Within a write transaction; returns the checkpoint to write with it. */
  commit(offset: number, eventHash: string): Checkpoint {
    for (const structure of this.#structures) structure.commit();
    const files = Object.fromEntries(
      this.definition.structures.map(({ kind, name }) => {
        const { file } = kind === 'collection' ? this.collection(name) : this.raster(name);
        return [name, { end: file.end, synced: file.synced }];
      }),
    );
    const fingerprints = Object.fromEntries(
      [...this.#collections].map(([name, { fingerprint }]) => [name, fingerprint] as const),
    );
    this.#checkpoint = { ...this.#checkpoint, offset, eventHash, files, fingerprints };
    return this.#checkpoint;
  }

  /** Between `flush` and `commit`. */
  showTiles(): void {
    for (const raster of this.#rasters.values()) raster.show();
  }

  /** After the commit. */
  committed(): void {
    for (const structure of this.#structures) structure.committed();
  }

  syncInBackground(): void {
    for (const { file } of this.#structures) file.syncInBackground();
  }

  sync(): void {
    for (const { file } of this.#structures) file.sync();
  }

  close(): void {
    for (const { file } of this.#structures) file.close();
  }
}
