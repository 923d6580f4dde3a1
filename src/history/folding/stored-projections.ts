import { existsSync } from 'node:fs';
import type { Db } from '../db.ts';
import type { ProjectionDefinition } from '../projection.ts';
import { Trees } from '../storage/tree.ts';
import {
  type Checkpoint,
  declaration,
  type KeptFingerprints,
  keptFingerprints,
  readCheckpoints,
} from './checkpoint.ts';
import { FoldProgress } from './fold-progress.ts';
import { checkpointsTree, fingerprintsTree, projectionsDir, treesPath } from './fold-store.ts';
import { FoldedDb, type FoldedSource } from './folded-db.ts';
import { ReadStore } from './read-store.ts';
import { FIRST_GENERATION, liveCopy, rebuiltCopies } from './rebuilt-copies.ts';

/** The copy of a projection that serves, as it lies in a data folder. */
export type StoredProjection = {
  readonly definition: ProjectionDefinition;
  readonly generation: number;
  readonly checkpoint: Checkpoint;
  /** What it was known to hold while it was folded, from the first position on. */
  readonly kept: readonly KeptFingerprints[];
  readonly source: FoldedSource;
};

/**
 * What folds wrote in a data folder, opened for reading without a fold: beside a running server or with none. It reads the
 * commits of the time at which it was opened.
 */
export class StoredProjections {
  /** Those that were folded by the definitions given; others cannot be read with them. */
  readonly found: readonly StoredProjection[];
  readonly #closing: (() => Promise<void>)[] = [];

  private constructor(found: readonly StoredProjection[], closing: (() => Promise<void>)[]) {
    this.found = found;
    this.#closing = closing;
  }

  /** `dataDir` is the data folder. */
  static async open(dataDir: string, definitions: readonly ProjectionDefinition[]): Promise<StoredProjections> {
    const dir = projectionsDir(dataDir);
    const copies = rebuiltCopies(dir);
    const folders = new Map<string, { generation: number; definitions: ProjectionDefinition[] }>();
    for (const definition of definitions) {
      const { folder, generation } = liveCopy(copies, definition) ?? { folder: dir, generation: FIRST_GENERATION };
      const there = folders.get(folder) ?? { generation, definitions: [] };
      there.definitions.push(definition);
      folders.set(folder, there);
    }
    const found: StoredProjection[] = [];
    const closing: (() => Promise<void>)[] = [];
    for (const [folder, { generation, definitions }] of folders) {
      const folded = await foldedBy(folder, definitions);
      if (folded.length === 0) continue;
      const store = new ReadStore();
      store.open(
        folder,
        folded.map(({ definition }) => definition),
      );
      const commit = store.commit();
      const source = { store, progress: new FoldProgress(), commit: () => commit };
      closing.push(async () => {
        commit.snapshot?.done();
        await store.close();
      });
      for (const each of folded) found.push({ ...each, generation, source });
    }
    return new StoredProjections(found, closing);
  }

  /** The state at `offset`, which every projection that is read has folded. */
  db(offset: number): Db {
    const sources = new Map<string, FoldedSource>();
    for (const { definition, source } of this.found) {
      for (const { name } of definition.structures) sources.set(name, source);
    }
    return new FoldedDb({ offset, current: false }, (structure) => sources.get(structure)!);
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close();
  }
}

type Folded = Pick<StoredProjection, 'definition' | 'checkpoint' | 'kept'>;

/** The projections that the folder has by the same version and declaration. */
async function foldedBy(folder: string, definitions: readonly ProjectionDefinition[]): Promise<Folded[]> {
  if (!existsSync(treesPath(folder))) return [];
  const trees = new Trees(treesPath(folder), { readOnly: true });
  try {
    const checkpoints = readCheckpoints(checkpointsTree(trees));
    const fingerprints = fingerprintsTree(trees);
    return definitions.flatMap((definition) => {
      const { name, version } = definition;
      const checkpoint = checkpoints.find(
        ({ projection, version: of, declared }) =>
          projection === name && of === version && declared === declaration(definition),
      );
      return checkpoint === undefined
        ? []
        : [{ definition, checkpoint, kept: keptFingerprints(fingerprints, checkpoint) }];
    });
  } finally {
    await trees.close();
  }
}
