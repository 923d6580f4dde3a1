import { assert } from '../../assert.ts';
import type { CollectionTrees } from '../collection/trees.ts';
import { openCollectionTrees } from '../collection/trees.ts';
import { VersionReader } from '../collection/version-reader.ts';
import type { Fingerprint } from '../db.ts';
import type { CollectionDefinition, ProjectionDefinition } from '../projection.ts';
import { LiveBoards } from '../raster/live-boards.ts';
import { openRasterTrees, type RasterTrees } from '../raster/trees.ts';
import { AppendFileReader } from '../storage/append-file.ts';
import { BlockCache } from '../storage/block-cache.ts';
import { type Snapshot, type Tree, Trees } from '../storage/tree.ts';
import { type Checkpoint, fingerprintsAt, readCheckpoint } from './checkpoint.ts';
import { checkpointsTree, foldedTree, readFolded, treesPath } from './fold-store.ts';
import type { Commit } from './folded-db.ts';
import { structureFile, structureId } from './structure.ts';

/** Of all collections that this thread reads, whatever copies they are of. */
const blockCache = new BlockCache(160 * 1024 * 1024);

export type ReadableCollection = {
  readonly definition: CollectionDefinition;
  readonly trees: CollectionTrees;
  readonly versions: VersionReader;
  /** Of a projection's checkpoint, when it is of `offset`. */
  readonly fingerprintAt: (offset: number, snapshot: Snapshot) => Fingerprint | null;
};

export type ReadableRaster = {
  readonly trees: RasterTrees;
  readonly file: AppendFileReader;
  readonly boards: LiveBoards;
};

/** What the fold wrote, opened for reading, on any thread. Structures are found by their own names, which are unique. */
export class ReadStore {
  readonly collections = new Map<string, ReadableCollection>();
  readonly rasters = new Map<string, ReadableRaster>();
  readonly #boards = new Map<string, LiveBoards>();
  #trees: Trees | null = null;
  #checkpoints: Tree | null = null;
  #folded: Tree | null = null;

  /** Tiles may arrive before the trees are opened. */
  boards(structure: string): LiveBoards {
    let boards = this.#boards.get(structure);
    if (boards === undefined) {
      boards = new LiveBoards();
      this.#boards.set(structure, boards);
    }
    return boards;
  }

  /** Opens the projections in one folder. The fold must have made the trees. */
  open(folder: string, definitions: readonly ProjectionDefinition[]): void {
    const trees = new Trees(treesPath(folder), { readOnly: true });
    this.#trees = trees;
    this.#folded = foldedTree(trees);
    const checkpoints = checkpointsTree(trees);
    this.#checkpoints = checkpoints;
    for (const projection of definitions) {
      for (const structure of projection.structures) {
        const name = structureFile(folder, projection, structure);
        if (structure.kind === 'collection') {
          const file = new AppendFileReader(name, blockCache);
          const opened = openCollectionTrees(trees, projection, structure);
          const versions = new VersionReader(opened, file, blockCache);
          const fingerprintAt = (offset: number, snapshot: Snapshot) =>
            fingerprintsAt(checkpoints, projection, offset, snapshot)?.[structure.name] ?? null;
          this.collections.set(structure.name, { definition: structure, trees: opened, versions, fingerprintAt });
        } else {
          const opened = openRasterTrees(trees, projection, structure);
          const file = new AppendFileReader(name);
          const boards = this.boards(structureId(projection, structure));
          this.rasters.set(structure.name, { trees: opened, file, boards });
        }
      }
    }
  }

  /** The last commit, to be held until the caller ends it by `done`. */
  commit(): Commit {
    assert(this.#trees !== null && this.#folded !== null, 'the trees are open');
    const snapshot = this.#trees.snapshot();
    for (const { versions } of this.collections.values()) versions.forgetErased(snapshot);
    return { snapshot, offset: readFolded(this.#folded, snapshot) };
  }

  /** How far the projection is folded, and what its collections hold; `null` where the commit has it not. */
  checkpoint(definition: ProjectionDefinition, { snapshot }: Commit): Checkpoint | null {
    assert(this.#checkpoints !== null, 'the trees are open');
    return readCheckpoint(this.#checkpoints, definition, snapshot);
  }

  /** Closes what is read of a projection that is about to be dropped. */
  forget({ structures }: ProjectionDefinition): void {
    for (const { name } of structures) {
      this.collections.get(name)?.versions.close();
      this.collections.delete(name);
      this.rasters.get(name)?.file.close();
      this.rasters.delete(name);
    }
  }

  async close(): Promise<void> {
    for (const { versions } of this.collections.values()) versions.close();
    for (const { file } of this.rasters.values()) file.close();
    await this.#trees?.close();
  }
}
