import { assert } from '../assert.ts';
import { AppendFileReader } from './append-file.ts';
import type { CollectionTrees } from './collection-trees.ts';
import { openCollectionTrees } from './collection-trees.ts';
import { foldedTree, projectionsDir, readFolded, treesPath } from './fold-store.ts';
import type { Commit } from './folded-db.ts';
import { LiveBoards } from './live-boards.ts';
import type { CollectionDefinition, ProjectionDefinition } from './projection.ts';
import { openRasterTrees, type RasterTrees } from './raster-trees.ts';
import { structureFile, structureId } from './structure.ts';
import { type Tree, Trees } from './tree.ts';
import { VersionReader } from './version-reader.ts';

export type ReadableCollection = {
  readonly definition: CollectionDefinition;
  readonly trees: CollectionTrees;
  readonly versions: VersionReader;
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

  /** The fold must have made the trees, and write none meanwhile. */
  open(dir: string, definitions: readonly ProjectionDefinition[]): void {
    const trees = new Trees(treesPath(dir), { readOnly: true });
    this.#trees = trees;
    this.#folded = foldedTree(trees);
    for (const projection of definitions) {
      for (const structure of projection.structures) {
        const file = new AppendFileReader(structureFile(projectionsDir(dir), projection, structure));
        if (structure.kind === 'collection') {
          const opened = openCollectionTrees(trees, projection, structure);
          const versions = new VersionReader(opened, file);
          this.collections.set(structure.name, { definition: structure, trees: opened, versions });
        } else {
          const opened = openRasterTrees(trees, projection, structure);
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
    return { snapshot, offset: readFolded(this.#folded, snapshot) };
  }

  async close(): Promise<void> {
    for (const { versions } of this.collections.values()) versions.close();
    for (const { file } of this.rasters.values()) file.close();
    await this.#trees?.close();
  }
}
