import { assert } from '../../assert.ts';
import { errors } from '../../errors.ts';
import type { ProjectionDefinition } from '../projection.ts';
import { projectionsDir } from './fold-store.ts';
import type { FoldedSource } from './folded-db.ts';
import { Rebuild } from './rebuild.ts';
import {
  beginCopy,
  FIRST_GENERATION,
  isCopyOf,
  liveCopy,
  markLive,
  type RebuiltCopy,
  rebuiltCopies,
  removeCopy,
} from './rebuilt-copies.ts';
import { RunningFold } from './running-fold.ts';
import { startFoldThread, type WarmFoldThread } from './warm-fold-thread.ts';

/** What a copy that was replaced is kept for: reads that began on it. */
const REPLACED_KEPT_MS = 60_000;

export type ProjectionCopiesOptions = {
  /** The data folder: projections lie in its folder `projections`. */
  readonly dir: string;
  readonly logDir: string;
  /** The fold thread's entry file, which calls `runFoldThread` with the same definitions. */
  readonly projectorUrl: URL;
  /** One that was started ahead; the first fold takes it. */
  readonly warmThread?: WarmFoldThread;
  readonly definitions: readonly ProjectionDefinition[];
  /** The offset that the log is synced up to now. */
  readonly synced: number;
  /** How long a copy that was replaced is kept for reads that began on it; a minute unless told. */
  readonly replacedKeptMs?: number;
  /** Told what an operator should know: data that is discarded and folded again. */
  readonly report?: (message: string) => void;
};

export type CopyListener = {
  /** After any commit of any copy. */
  readonly onCommit: () => void;
  /** A copy that serves cannot go on. */
  readonly onFailure: (error: Error) => void;
};

/** The copy of a projection that serves. */
export type LiveCopy = {
  readonly definition: ProjectionDefinition;
  readonly generation: number;
  readonly fold: RunningFold;
};

/** The copies of all projections: those that serve, those that are rebuilt, those that were replaced a moment ago. */
export class ProjectionCopies {
  readonly #options: ProjectionCopiesOptions;
  readonly #listener: CopyListener;
  readonly #dir: string;
  /** By projection. */
  readonly #live = new Map<string, LiveCopy>();
  readonly #rebuilds = new Map<string, Rebuild>();
  /** The projection of each structure. */
  readonly #projectionOf = new Map<string, string>();
  /** Those that serve, and those that served a moment ago. */
  readonly #folds = new Set<RunningFold>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #synced: number;

  constructor(options: ProjectionCopiesOptions, listener: CopyListener) {
    this.#options = options;
    this.#listener = listener;
    this.#dir = projectionsDir(options.dir);
    this.#synced = options.synced;
    for (const { name, structures } of options.definitions) {
      for (const structure of structures) this.#projectionOf.set(structure.name, name);
    }
    this.#start();
  }

  /** Resolves once all that serve can be read. @throws what kept a thread from starting. */
  async opened(): Promise<void> {
    await Promise.all([...this.#folds].map((fold) => fold.opened));
  }

  get rebuilds(): ReadonlyMap<string, Rebuild> {
    return this.#rebuilds;
  }

  /** The offset that every copy that serves has committed. */
  get committed(): number {
    return Math.min(...[...this.#live.values()].map(({ fold }) => fold.committed));
  }

  /** Why one that serves does not go on now, or `null`. */
  get fault(): Error | null {
    for (const { fold } of this.#live.values()) if (fold.fault !== null) return fold.fault;
    return null;
  }

  /** Why one that serves cannot go on any more, or `null`. */
  get failure(): Error | null {
    for (const { fold } of this.#live.values()) if (fold.failure !== null) return fold.failure;
    return null;
  }

  /** @throws projection.unknown */
  liveOf(projection: string): LiveCopy {
    const live = this.#live.get(projection);
    if (live === undefined) throw errors.error('projection.unknown', `there is no projection "${projection}"`);
    return live;
  }

  /** Where a structure is read now. */
  sourceOf(structure: string): FoldedSource {
    const projection = this.#projectionOf.get(structure);
    assert(projection !== undefined, `a projection declares the structure ${structure}`);
    return this.liveOf(projection).fold.sourceOf(projection);
  }

  advance(synced: number): void {
    this.#synced = synced;
    for (const fold of this.#all()) fold.progress.synced = synced;
  }

  /** A reader waits for the offset. */
  want(offset: number): void {
    for (const { fold } of this.#live.values()) {
      if (offset > fold.progress.wanted) fold.progress.wanted = offset;
    }
  }

  /** Begins to rebuild, unless that is under way; `promoted` is the last generation that the log says of this version. */
  rebuild(projection: string, promoted: number): void {
    const { definition, generation } = this.liveOf(projection);
    const before = this.#rebuilds.get(projection);
    if (before !== undefined && before.fold.failure === null) return;
    if (before !== undefined) this.#remove(before);
    // One that was promoted or given up already would take over by what the log says of that one.
    const last = Math.max(generation, promoted, before?.copy.generation ?? FIRST_GENERATION);
    const name = { projection, version: definition.version, generation: last + 1 };
    this.#startRebuild(definition, beginCopy(this.#dir, name));
  }

  /** From now on reads are answered by the rebuilt copy, which has committed what they are at. */
  takeOver({ definition, copy, fold }: Rebuild): void {
    const replaced = this.liveOf(definition.name);
    markLive(copy.folder);
    this.#live.set(definition.name, { definition, generation: copy.generation, fold });
    this.#folds.add(fold);
    this.#rebuilds.delete(definition.name);
    fold.progress.isPressed = false;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#drop(replaced);
    }, this.#options.replacedKeptMs ?? REPLACED_KEPT_MS);
    this.#timers.add(timer.unref());
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#all().map((fold) => fold.close()));
  }

  #start(): void {
    const copies = rebuiltCopies(this.#dir);
    const first: ProjectionDefinition[] = [];
    for (const definition of this.#options.definitions) {
      const copy = liveCopy(copies, definition);
      if (copy === null) first.push(definition);
      else this.#serve([definition], copy);
    }
    this.#serve(first, { folder: this.#dir, generation: FIRST_GENERATION });
    for (const copy of copies) {
      const serving = this.#live.get(copy.projection);
      // What this program does not know was prepared for another one.
      if (serving === undefined || copy.version > serving.definition.version) continue;
      if (!isCopyOf(copy, serving.definition) || copy.generation < serving.generation) removeCopy(copy);
      else if (copy.generation > serving.generation) this.#startRebuild(serving.definition, copy);
    }
  }

  #serve(definitions: readonly ProjectionDefinition[], at: Pick<RebuiltCopy, 'folder' | 'generation'>): void {
    const fold = this.#startFold(at.folder, definitions, () => this.#listener.onCommit());
    this.#folds.add(fold);
    for (const definition of definitions) {
      this.#live.set(definition.name, { definition, generation: at.generation, fold });
    }
  }

  #startRebuild(definition: ProjectionDefinition, copy: RebuiltCopy): void {
    const fold = this.#startFold(copy.folder, [definition], () => {
      rebuild.committed();
      this.#listener.onCommit();
    });
    const rebuild = new Rebuild(definition, copy, fold);
    this.#rebuilds.set(definition.name, rebuild);
    // Told by its status: the copies that serve are not touched by it.
    fold.opened.catch(() => undefined);
  }

  #startFold(folder: string, definitions: readonly ProjectionDefinition[], onCommit: () => void): RunningFold {
    const { logDir, projectorUrl, warmThread } = this.#options;
    const report = (message: string) => this.#options.report?.(message);
    const fold: RunningFold = new RunningFold({
      folder,
      logDir,
      startThread: (data) => warmThread?.begin(data) ?? startFoldThread(projectorUrl, data),
      definitions,
      synced: this.#synced,
      report,
      onCommit,
      onFailure: (error) => {
        if (this.#serves(fold)) this.#listener.onFailure(error);
        else report(`a copy in ${folder} cannot go on: ${error.message}`);
      },
    });
    return fold;
  }

  #all(): RunningFold[] {
    return [...this.#folds, ...[...this.#rebuilds.values()].map(({ fold }) => fold)];
  }

  #serves(fold: RunningFold): boolean {
    return [...this.#live.values()].some((live) => live.fold === fold);
  }

  /** Removes what a replaced copy had: its part of a fold that has others, or its folder. */
  #drop(replaced: LiveCopy): void {
    const { definition, fold } = replaced;
    if (this.#serves(fold) || fold.folder === this.#dir) {
      fold.drop(definition);
      return;
    }
    this.#folds.delete(fold);
    this.#remove(replaced);
  }

  #remove({ definition, fold }: Pick<LiveCopy, 'definition' | 'fold'>): void {
    fold
      .close()
      .then(() => removeCopy(fold))
      .catch((error: unknown) => this.#options.report?.(`a copy of ${definition.name} cannot be removed: ${error}`));
  }
}
