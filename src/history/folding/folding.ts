import type { RecordedEvent } from '#events/event.ts';
import type { LogReader } from '#log/log-reader.ts';
import { errors, isStrataError } from '../../errors.ts';
import type { Fold, ProjectionDefinition } from '../projection.ts';
import { type Checkpoint, eventHash, keepFingerprints, lastKept, writeCheckpoint } from './checkpoint.ts';
import type { FoldProgress } from './fold-progress.ts';
import { FoldStore } from './fold-store.ts';
import { FoldedProjection, type FoldedTileListener } from './folded-projection.ts';

/** Events between two looks at how much waits to be committed. */
const STEP_EVENTS = 2_048;
/** Fingerprints are kept so far apart, at least: a first difference lies between two of them. */
const KEPT_EVENTS_MIN = 65_536;
/** What may wait to be committed. */
const PENDING_BYTES_MAX = 40 * 1024 * 1024;

type Handler = { readonly fold: Fold; readonly projection: FoldedProjection };

export type FoldingOptions = {
  /** The folder of the trees and files that this fold alone writes. */
  readonly folder: string;
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
  #projections: readonly FoldedProjection[];
  readonly #eventTypes: ReadonlySet<string>;
  /** Up to where fingerprints are kept. */
  readonly #kept = new Map<FoldedProjection, number>();
  #handlers = new Map<string, readonly Handler[]>();
  #active: readonly FoldedProjection[] = [];
  #offset = 0;
  #committed = 0;

  constructor({ folder, log, definitions, eventTypes, progress, onTile, report }: FoldingOptions) {
    this.#log = log;
    this.#progress = progress;
    this.#store = new FoldStore(folder, log, report);
    const checkpoints = this.#store.resume(definitions, progress.synced);
    this.#projections = definitions.map(
      (definition, at) =>
        new FoldedProjection(this.#store.dir, this.#store.trees, definition, checkpoints[at]!, onTile),
    );
    for (const projection of this.#projections) {
      this.#kept.set(projection, lastKept(this.#store.fingerprints, projection.checkpoint));
    }
    this.#eventTypes = new Set([...eventTypes, ...definitions.flatMap(({ folds }) => Object.keys(folds))]);
    this.#offset = this.#committed = Math.min(...checkpoints.map(({ offset }) => offset), progress.synced);
    if (this.#store.readFolded() !== this.#committed) {
      this.#store.trees.write(() => this.#store.writeFolded(this.#committed));
    }
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

  /** Of each projection, as of its last commit. */
  get checkpoints(): readonly Checkpoint[] {
    return this.#projections.map(({ checkpoint }) => checkpoint);
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
   * @throws history.unknown-event, event.unknown-version, or what a fold threw, naming the position.
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
        const checkpoint = projection.commit(this.#offset, hash);
        writeCheckpoint(this.#store.checkpoints, checkpoint);
        if (this.#offset - this.#kept.get(projection)! >= KEPT_EVENTS_MIN) this.#keep(projection, checkpoint);
      }
      this.#store.writeFolded(this.#offset);
    });
    for (const projection of this.#active) projection.committed();
    this.#committed = this.#offset;
    for (const projection of this.#active) projection.syncInBackground();
  }

  /** Ends a projection that another copy has taken over from, with all that it has. */
  drop(name: string): void {
    const dropped = this.#projections.find(({ definition }) => definition.name === name);
    if (dropped === undefined) return;
    this.commit();
    dropped.close();
    this.#projections = this.#projections.filter((projection) => projection !== dropped);
    this.#kept.delete(dropped);
    this.#activate();
    this.#store.discard(dropped.checkpoint);
  }

  /** Commits, and syncs so that the next start has nothing to verify. */
  async close(): Promise<void> {
    this.commit();
    for (const projection of this.#projections) projection.sync();
    this.#store.trees.write(() => {
      for (const projection of this.#projections) {
        const { offset, eventHash } = projection.checkpoint;
        const checkpoint = projection.commit(offset, eventHash);
        writeCheckpoint(this.#store.checkpoints, checkpoint);
        if (offset > this.#kept.get(projection)!) this.#keep(projection, checkpoint);
      }
    });
    await this.abandon();
  }

  /** Leaves what is not committed to be folded again: after an error, what is pending is of no position. */
  async abandon(): Promise<void> {
    for (const projection of this.#projections) projection.close();
    await this.#store.close();
  }

  #keep(projection: FoldedProjection, checkpoint: Checkpoint): void {
    keepFingerprints(this.#store.fingerprints, checkpoint);
    this.#kept.set(projection, checkpoint.offset);
  }

  readonly #visit = (event: RecordedEvent): void => {
    const handlers = this.#handlers.get(event.type) ?? this.#handlersOf(event);
    // Throws for one that is not known: what nobody folds is not passed over either.
    if (handlers.length === 0) void event.version;
    for (let at = 0; at < handlers.length; at++) {
      const { fold, projection } = handlers[at]!;
      projection.enter(event.offset);
      try {
        fold(event, projection);
      } catch (error) {
        if (isStrataError(error)) throw error;
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
