import type { Worker } from 'node:worker_threads';
import { errors } from '../../errors.ts';
import type { ProjectionDefinition } from '../projection.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type FoldMessage, type FoldOrder, type FoldThreadData, failure } from './fold-message.ts';
import { FoldProgress } from './fold-progress.ts';
import type { Commit, FoldedSource } from './folded-db.ts';
import { ReadStore } from './read-store.ts';

export type RunningFoldOptions = {
  /** Of the trees and files that it alone writes. */
  readonly folder: string;
  readonly logDir: string;
  readonly startThread: (data: FoldThreadData) => Worker;
  readonly definitions: readonly ProjectionDefinition[];
  readonly synced: number;
  /** Called at every commit, once it can be read. */
  readonly onCommit: () => void;
  /** Called once, when the fold cannot go on. */
  readonly onFailure: (error: Error) => void;
  readonly report: (message: string) => void;
};

/** A fold on a thread of its own, and what it committed, opened for reading. */
export class RunningFold {
  /** Resolves once current state can be read, which may be behind the log still. Rejects with what kept it from starting. */
  readonly opened: Promise<void>;
  readonly folder: string;
  readonly progress = new FoldProgress();
  readonly #options: RunningFoldOptions;
  readonly #store = new ReadStore();
  readonly #sources = new Map<string, FoldedSource>();
  readonly #thread: Worker;
  readonly #exited: Promise<void>;
  #definitions: readonly ProjectionDefinition[];
  #opening: PromiseWithResolvers<void> | null;
  #commit: Commit = { offset: 0, snapshot: null };
  #failure: Error | null = null;
  #stalled: Error | null = null;
  #tilesReceived = 0;
  /** True when a commit waits for tiles that are on their way. */
  #isBehind = false;
  #isClosing = false;

  constructor(options: RunningFoldOptions) {
    const { folder, logDir, startThread, definitions, synced } = options;
    this.#options = options;
    this.#definitions = definitions;
    this.folder = folder;
    this.progress.synced = synced;
    const projections = definitions.map(({ name }) => name);
    this.#thread = startThread({ folder, logDir, projections, progress: this.progress.memory });
    this.#opening = Promise.withResolvers();
    this.opened = this.#opening.promise;
    this.#thread.on('message', (message: FoldMessage) => this.#receive(message));
    this.#thread.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#exited = new Promise((resolve) => {
      this.#thread.on('exit', () => {
        this.#fail(new Error('the fold thread has ended'));
        resolve();
      });
    });
  }

  get definitions(): readonly ProjectionDefinition[] {
    return this.#definitions;
  }

  /** The offset folded and committed up to. */
  get committed(): number {
    return this.#commit.offset;
  }

  /** Why it cannot go on, or `null`. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Why it does not go on now: for good, or until the disk has room. */
  get fault(): Error | null {
    return this.#failure ?? this.#stalled;
  }

  /** How far the projection is folded, which is `committed` but while it catches up with others of the same fold. */
  checkpoint(definition: ProjectionDefinition): Checkpoint | null {
    return this.#commit.snapshot === null ? null : this.#store.checkpoint(definition, this.#commit);
  }

  /** Where the structures of one of its projections are read. */
  sourceOf(projection: string): FoldedSource {
    let source = this.#sources.get(projection);
    if (source === undefined) {
      source = { store: this.#store, progress: this.progress, commit: () => this.#readable(projection) };
      this.#sources.set(projection, source);
    }
    return source;
  }

  /** Reads of the projection must have ended: what it wrote of it is removed. */
  drop(definition: ProjectionDefinition): void {
    this.#definitions = this.#definitions.filter((each) => each !== definition);
    this.#store.forget(definition);
    const order: FoldOrder = { kind: 'drop', projection: definition.name };
    this.#thread.postMessage(order);
    this.progress.order();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.progress.close();
    await this.#exited;
    this.#commit.snapshot?.done();
    this.#commit = { ...this.#commit, snapshot: null };
    this.#definitions = [];
    await this.#store.close();
  }

  /** A view may outlive its projection's copy: then it is told to ask again, and reads nothing. */
  #readable(projection: string): Commit {
    if (!this.#definitions.some(({ name }) => name === projection)) {
      throw errors.error('history.not-yet', `another copy of ${projection} has taken over: read again`, {
        retryAfterSeconds: 1,
      });
    }
    return this.#commit;
  }

  #receive(message: FoldMessage): void {
    switch (message.kind) {
      case 'tile':
        this.#store.boards(message.structure).add(message.board, message.index, message.memory);
        this.#tilesReceived += 1;
        if (this.#isBehind) this.#refresh();
        break;
      case 'opened':
        this.#open();
        break;
      case 'committed':
        this.#stalled = null;
        this.#refresh();
        break;
      case 'report':
        this.#options.report(message.message);
        break;
      case 'stalled':
        this.#stalled = errors.error('history.cannot-write', message.message, { retryAfterSeconds: 1 });
        this.#options.report(message.message);
        break;
      case 'failed':
        this.#fail(failure(message));
        break;
    }
  }

  #open(): void {
    // To let it run would take back that it is to close.
    if (this.#isClosing) return;
    try {
      this.#store.open(this.folder, this.#definitions);
      this.#refresh();
      this.progress.run();
      this.#opening?.resolve();
      this.#opening = null;
    } catch (error) {
      this.progress.close();
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Reads see the newest commit from here on, all at once: when the tiles that it made have arrived too. */
  #refresh(): void {
    const newest = this.#store.commit();
    this.#isBehind = this.#tilesReceived < this.progress.tilesHanded;
    if (this.#isBehind) {
      newest.snapshot?.done();
      return;
    }
    const before = this.#commit.snapshot;
    this.#commit = newest;
    before?.done();
    this.#options.onCommit();
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#opening?.reject(error);
    this.#opening = null;
    if (!this.#isClosing) this.#options.onFailure(error);
  }
}
