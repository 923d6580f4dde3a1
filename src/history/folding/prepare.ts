import type { LogReader } from '#log/log-reader.ts';
import type { ProjectionDefinition } from '../projection.ts';
import { FoldProgress } from './fold-progress.ts';
import { projectionsDir } from './fold-store.ts';
import { foldUpTo } from './fold-up-to.ts';
import { Folding } from './folding.ts';
import { ReadStore } from './read-store.ts';
import { copyFolder, FIRST_GENERATION, markLive } from './rebuilt-copies.ts';
import { StoredProjections } from './stored-projections.ts';

export type PrepareOptions = {
  /** The data folder, of a running server or of none. */
  readonly dataDir: string;
  readonly log: LogReader;
  readonly definitions: readonly ProjectionDefinition[];
  /** Every event type that a domain knows. */
  readonly eventTypes: Iterable<string>;
  readonly onProgress?: (progress: PrepareProgress) => void;
};

export type PrepareProgress = {
  readonly projection: string;
  readonly done: number;
  readonly total: number;
  readonly seconds: number;
};

export type Prepared = { readonly projection: string; readonly version: number; readonly offset: number };

/**
 * Folds those projections that the data folder has not got by their version, beside whatever serves: the next start with
 * these definitions goes on from there, and no read waits for it. Cut short, it is gone on with.
 *
 * @throws log.corrupt, history.unknown-event
 */
export async function prepareProjections(options: PrepareOptions): Promise<Prepared[]> {
  const { dataDir, log, definitions, eventTypes, onProgress } = options;
  const dir = projectionsDir(dataDir);
  const { missing, folded } = await look(dataDir, definitions);
  const prepared: Prepared[] = [];
  for (const definition of missing) {
    const { name: projection, version } = definition;
    const folder = copyFolder(dir, { projection, version, generation: FIRST_GENERATION });
    const progress = new FoldProgress();
    progress.synced = folded;
    const silent = { onTile: () => {}, report: () => {} };
    const folding = new Folding({ folder, log, definitions: [definition], eventTypes, progress, ...silent });
    const startMs = performance.now();
    try {
      await foldUpTo(folding, folded, () => {
        const seconds = (performance.now() - startMs) / 1000;
        onProgress?.({ projection, done: folding.offset, total: folded, seconds });
      });
    } catch (error) {
      await folding.abandon();
      throw error;
    }
    await folding.close();
    markLive(folder);
    prepared.push({ projection, version, offset: folded });
  }
  return prepared;
}

/** What is to be prepared, and up to where: what was folded by anyone is synced. */
async function look(dataDir: string, definitions: readonly ProjectionDefinition[]) {
  const stored = await StoredProjections.open(dataDir, definitions);
  const store = new ReadStore();
  try {
    store.open(projectionsDir(dataDir), []);
    const { offset, snapshot } = store.commit();
    snapshot?.done();
    const isThere = ({ name }: ProjectionDefinition) => stored.found.some(({ definition }) => definition.name === name);
    return { missing: definitions.filter((definition) => !isThere(definition)), folded: offset };
  } finally {
    await store.close();
    await stored.close();
  }
}
