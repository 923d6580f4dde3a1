import { errors } from '../../errors.ts';
import type { Db } from '../db.ts';
import { FoldedDb } from './folded-db.ts';
import { Lag } from './lag.ts';
import { ProjectionCopies, type ProjectionCopiesOptions } from './projection-copies.ts';
import type { ProjectionStatus, PromotionOf, RebuildableProjections } from './rebuildable.ts';
import { FIRST_GENERATION } from './rebuilt-copies.ts';
import { notYet, Waiters } from './waiters.ts';

/** From so much lag on, rebuilds give way. */
const PRESSED_LAG_MS = 100;

export type ProjectionsOptions = ProjectionCopiesOptions & {
  /** Which copies the log says shall serve; without it, those serve that do. */
  readonly promotionOf?: PromotionOf;
};

/**
 * Starts the fold threads and opens what they write for reading. Resolves once current state can be read, which may be behind
 * the log still.
 * @throws what kept a thread from starting.
 */
export async function openProjections(options: ProjectionsOptions): Promise<RebuildableProjections> {
  const projections = new ThreadedProjections(options);
  await projections.open();
  return projections;
}

class ThreadedProjections implements RebuildableProjections {
  readonly #definitions: ProjectionsOptions['definitions'];
  readonly #promotionOf: PromotionOf;
  readonly #copies: ProjectionCopies;
  readonly #lag = new Lag();
  readonly #waiters = new Waiters();
  /** Called when a copy has taken over. */
  readonly #awaited = new Set<() => void>();
  #synced: number;
  /** Every copy that serves has committed it. */
  #offset = 0;
  #db: FoldedDb;
  #isOpen = false;
  #takeOvers = 0;

  constructor(options: ProjectionsOptions) {
    const { definitions, synced, promotionOf = () => null } = options;
    this.#definitions = definitions;
    this.#promotionOf = promotionOf;
    this.#synced = synced;
    // An empty log has nothing that waits.
    if (synced > 0) this.#lag.synced(synced);
    this.#copies = new ProjectionCopies(options, {
      onCommit: () => this.#refresh(),
      onFailure: (error) => this.#waiters.failed(error),
    });
    this.#db = this.#newDb(0, true);
  }

  async open(): Promise<void> {
    try {
      await this.#copies.opened();
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#isOpen = true;
    this.#refresh();
  }

  db(offset?: number): Db {
    if (offset === undefined) return this.#db;
    if (offset > this.#offset) {
      throw errors.error('history.not-yet', `position ${offset} is not folded yet; ${this.#offset} is`);
    }
    return this.#newDb(offset, false);
  }

  checkpoint(): number {
    return this.#offset;
  }

  advance(synced: number): void {
    if (synced <= this.#synced) return;
    this.#synced = synced;
    this.#lag.synced(synced);
    this.#copies.advance(synced);
    this.#press();
  }

  waitFor(offset: number, timeoutMs: number): Promise<void> {
    if (offset <= this.#offset) return Promise.resolve();
    const { failure } = this.#copies;
    if (failure !== null) return Promise.reject(notYet(offset, failure));
    this.#copies.want(offset);
    return this.#waiters.wait(offset, timeoutMs, () => this.fault());
  }

  lagMs(): number {
    return this.#lag.ms();
  }

  fault(): Error | null {
    return this.#copies.fault;
  }

  get takeOvers(): number {
    return this.#takeOvers;
  }

  generationOf(projection: string): number {
    return this.#copies.liveOf(projection).generation;
  }

  statuses(): readonly ProjectionStatus[] {
    return this.#definitions.map(({ name }) => this.status(name));
  }

  status(projection: string): ProjectionStatus {
    const { definition, generation, fold } = this.#copies.liveOf(projection);
    const checkpoint = fold.checkpoint(definition);
    const rasters = definition.structures.filter(({ kind }) => kind === 'raster');
    return {
      name: projection,
      version: definition.version,
      generation,
      offset: checkpoint?.offset ?? 0,
      collections: checkpoint?.fingerprints ?? {},
      rasters: rasters.map(({ name }) => name),
      rebuild: this.#copies.rebuilds.get(projection)?.status(this.#synced) ?? null,
    };
  }

  rebuild(projection: string): void {
    const { definition } = this.#copies.liveOf(projection);
    const promotion = this.#promotionOf(this.#db, projection);
    const promoted = promotion?.version === definition.version ? promotion.generation : FIRST_GENERATION;
    this.#copies.rebuild(projection, promoted);
  }

  takenOver(projection: string, generation: number, timeoutMs: number): Promise<boolean> {
    if (this.generationOf(projection) >= generation) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (done: boolean) => {
        clearTimeout(timer);
        this.#awaited.delete(check);
        resolve(done);
      };
      const check = () => {
        if (this.generationOf(projection) >= generation) settle(true);
      };
      const timer = setTimeout(() => settle(false), timeoutMs);
      this.#awaited.add(check);
    });
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#copies.close();
    this.#waiters.failed(new Error('the projections are closed'));
  }

  /** After any commit. What can be read goes on, and a promoted copy takes over as soon as it is as far. */
  #refresh(): void {
    if (!this.#isOpen) return;
    // Reads wait for a copy that is about to take over: under load it would else come as far as they are by chance only.
    const isHeld = this.#takeOverPromoted();
    const offset = isHeld ? this.#offset : this.#copies.committed;
    if (offset > this.#offset) {
      this.#offset = offset;
      this.#db = this.#newDb(offset, true);
      this.#lag.folded(offset);
      this.#waiters.folded(offset);
      this.#takeOverPromoted();
    }
    this.#press();
  }

  /** True when a promoted copy is a little behind what is read. */
  #takeOverPromoted(): boolean {
    let isBehind = false;
    for (const rebuild of this.#copies.rebuilds.values()) {
      const { definition, copy, fold } = rebuild;
      const promotion = this.#promotionOf(this.#db, definition.name);
      const isPromoted = promotion?.generation === copy.generation && promotion.version === copy.version;
      if (!isPromoted || fold.failure !== null) continue;
      if (fold.committed < this.#offset) {
        // It commits at once when it has come so far.
        fold.progress.wanted = this.#offset;
        isBehind ||= rebuild.status(this.#synced).isCaughtUp;
        continue;
      }
      this.#copies.takeOver(rebuild);
      this.#takeOvers += 1;
      for (const check of this.#awaited) check();
    }
    return isBehind;
  }

  /** Rebuilds work at full speed while nobody has to wait for it. */
  #press(): void {
    const { rebuilds } = this.#copies;
    if (rebuilds.size === 0) return;
    const isPressed = this.#lag.ms() > PRESSED_LAG_MS;
    for (const { fold } of rebuilds.values()) fold.progress.isPressed = isPressed;
  }

  #newDb(offset: number, current: boolean): FoldedDb {
    return new FoldedDb({ offset, current }, (structure) => this.#copies.sourceOf(structure));
  }
}
