import type { RecordedEvent } from '#events/event.ts';
import type { LogReader } from '#log/log-reader.ts';
import { errors } from '../errors.ts';
import { eventHash, writeCheckpoint } from './checkpoint.ts';
import type { FoldProgress } from './fold-progress.ts';
import { FoldStore } from './fold-store.ts';
import { FoldedProjection, type FoldedTileListener } from './folded-projection.ts';
import type { Fold, ProjectionDefinition } from './projection.ts';

/** Events between two looks at how much waits to be committed. */
const STEP_EVENTS = 2_048;
/** What may wait to be committed. */
const PENDING_BYTES_MAX = 32 * 1024 * 1024;

type Handler = { readonly fold: Fold; readonly projection: FoldedProjection };

export type FoldingOptions = {
  /** The data folder. */
  readonly dir: string;
  readonly log: LogReader;
  readonly definitions: readonly ProjectionDefinition[];
  /** Every event type that a domain knows, whether a projection folds it or not. */
  readonly eventTypes: Iterable<string>;
  readonly progress: FoldProgress;
  readonly onTile: FoldedTileListener;
  readonly report: (message: string) => void;
};

/**
 * Folds the log into all projections, batch by batch. Projections that are behind the others (new ones) are caught up first:
 * an event goes to those that have not folded it.
 */
export class Folding {
  readonly #log: LogReader;
  readonly #store: FoldStore;
  readonly #progress: FoldProgress;
  readonly #projections: readonly FoldedProjection[];
  readonly #eventTypes: ReadonlySet<string>;
  #handlers = new Map<string, readonly Handler[]>();
  #active: readonly FoldedProjection[] = [];
  #offset = 0;
  #committed = 0;

  constructor({ dir, log, definitions, eventTypes, progress, onTile, report }: FoldingOptions) {
    this.#log = log;
    this.#progress = progress;
    this.#store = new FoldStore(dir, log, report);
    const checkpoints = this.#store.resume(definitions, progress.synced);
    this.#projections = definitions.map(
      (definition, at) =>
        new FoldedProjection(this.#store.dir, this.#store.trees, definition, checkpoints[at]!, onTile),
    );
    this.#eventTypes = new Set([...eventTypes, ...definitions.flatMap(({ folds }) => Object.keys(folds))]);
    this.#offset = this.#committed = Math.min(...checkpoints.map(({ offset }) => offset), progress.synced);
    this.#store.trees.write(() => this.#store.writeFolded(this.#committed));
    this.#activate();
  }

  /** Folded up to, not yet committed perhaps. */
  get offset(): number {
    return this.#offset;
  }

  /** Folded and committed up to, by every projection. */
  get committed(): number {
    return this.#committed;
  }

  /** True when a commit should come before more is folded. */
  get isFull(): boolean {
    let bytes = 0;
    for (const projection of this.#active) {
      if (projection.isFull) return true;
      bytes += projection.pendingBytes;
    }
    return bytes > PENDING_BYTES_MAX;
  }

  /**
   * Folds some of the events up to `synced`.
   * @throws history.unknown-event, or what a fold threw, naming the position.
   */
  step(synced: number): void {
    const join = this.#nextToJoin();
    const to = Math.min(synced, this.#offset + STEP_EVENTS, join);
    this.#log.visit(this.#offset, to, this.#visit);
    this.#offset = to;
    if (to === join) {
      this.commit();
      this.#activate();
    }
  }

  /** Makes what is folded durable and visible. */
  commit(): void {
    if (this.#offset === this.#committed) return;
    const hash = eventHash(this.#log, this.#offset);
    for (const projection of this.#active) projection.flush();
    // Live tiles may be ahead of what is committed, never behind: readers tell by their offsets.
    this.#progress.changeTiles(() => {
      for (const projection of this.#active) projection.showTiles();
    });
    this.#store.trees.write(() => {
      for (const projection of this.#active) {
        writeCheckpoint(this.#store.checkpoints, projection.commit(this.#offset, hash));
      }
      this.#store.writeFolded(this.#offset);
    });
    for (const projection of this.#active) projection.committed();
    this.#committed = this.#offset;
    for (const projection of this.#active) projection.syncInBackground();
  }

  /** Commits, and syncs so that the next start has nothing to verify. */
  async close(): Promise<void> {
    this.commit();
    for (const projection of this.#projections) projection.sync();
    this.#store.trees.write(() => {
      for (const projection of this.#projections) {
        const { offset, eventHash } = projection.checkpoint;
        writeCheckpoint(this.#store.checkpoints, projection.commit(offset, eventHash));
      }
    });
    await this.abandon();
  }

  /** Leaves what is not committed to be folded again: after an error, what is pending is of no position. */
  async abandon(): Promise<void> {
    for (const projection of this.#projections) projection.close();
    await this.#store.close();
  }

  readonly #visit = (event: RecordedEvent): void => {
    const handlers = this.#handlers.get(event.type) ?? this.#handlersOf(event);
    for (let at = 0; at < handlers.length; at++) {
      const { fold, projection } = handlers[at]!;
      projection.enter(event.offset);
      try {
        fold(event, projection);
      } catch (error) {
        const detail = `projection ${projection.definition.name} cannot fold ${event.type} at ${event.offset}`;
        throw new Error(`${detail}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
    }
  };

  #handlersOf({ type, offset }: RecordedEvent): readonly Handler[] {
    if (!this.#eventTypes.has(type)) {
      throw errors.error('history.unknown-event', `no domain knows ${type}, which stands at ${offset}`);
    }
    const handlers = this.#active.flatMap((projection) => {
      const fold = projection.definition.folds[type];
      return fold === undefined ? [] : [{ fold, projection }];
    });
    this.#handlers.set(type, handlers);
    return handlers;
  }

  /** The offset at which projections that are further along take part. */
  #nextToJoin(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const projection of this.#projections) {
      const { offset } = projection.checkpoint;
      if (offset > this.#offset && !this.#active.includes(projection)) next = Math.min(next, offset);
    }
    return next;
  }

  #activate(): void {
    this.#active = this.#projections.filter(({ checkpoint }) => checkpoint.offset <= this.#offset);
    this.#handlers = new Map();
  }
}
