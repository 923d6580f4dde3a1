import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventData, RecordedEvent } from '#events/event.ts';
import type { LogReader } from '#log/log-reader.ts';
import type { Db } from '../db.ts';
import type { ProjectionDefinition } from '../projection.ts';
import { FoldProgress } from './fold-progress.ts';
import { projectionsDir } from './fold-store.ts';
import { type Commit, FoldedDb } from './folded-db.ts';
import { Folding } from './folding.ts';
import { ReadStore } from './read-store.ts';

/** A log in memory, for tests of folds. */
export class MemoryLog implements LogReader {
  readonly id: string;
  readonly epoch = 1;
  readonly events: RecordedEvent[] = [];

  constructor(id = 'memory') {
    this.id = id;
  }

  append(type: string, data: EventData): number {
    const offset = this.events.length + 1;
    this.events.push({
      id: offset.toString(16).padStart(32, '0'),
      type,
      version: 1,
      at: offset,
      actor: 'system',
      causation: null,
      keyMark: null,
      data,
      stream: 'test',
      revision: offset - 1,
      partition: 0,
      offset,
      recordedAt: offset,
    });
    return offset;
  }

  visit(after: number, to: number, visit: (event: RecordedEvent) => void): number {
    for (let offset = after + 1; offset <= to; offset++) visit(this.at(offset));
    return to - after;
  }

  at(offset: number): RecordedEvent {
    const event = this.events[offset - 1];
    if (event === undefined) throw new Error(`the log has no offset ${offset}`);
    return event;
  }

  hashAt(offset: number): string {
    return createHash('sha256')
      .update(JSON.stringify(this.at(offset)))
      .digest('hex');
  }

  offsetAtTime(timeMs: number, to: number): number {
    return Math.min(timeMs, to);
  }

  close(): void {}
}

/** Folding and reading on one thread, in a folder of its own. */
export class FoldingFixture {
  readonly dir = mkdtempSync(join(tmpdir(), 'strata-history-'));
  readonly reports: string[] = [];
  readonly #definitions: readonly ProjectionDefinition[];
  readonly #eventTypes: readonly string[];
  #log: MemoryLog;
  #progress = new FoldProgress();
  #store = new ReadStore();
  #folding: Folding;
  #commit: Commit = { offset: 0, snapshot: null };

  /** `eventTypes` are those that are known besides what is folded. */
  constructor(log: MemoryLog, definitions: readonly ProjectionDefinition[], eventTypes: readonly string[] = []) {
    this.#log = log;
    this.#definitions = definitions;
    this.#eventTypes = eventTypes;
    this.#folding = this.#open();
  }

  /** Folds up to `offset` and commits. */
  fold(offset = this.#log.events.length): void {
    while (this.#folding.offset < offset) {
      this.#folding.step(offset);
      if (this.#folding.isFull) this.#folding.commit();
    }
    this.#folding.commit();
    this.refresh();
  }

  get committed(): number {
    return this.#folding.committed;
  }

  /** Lets reads see the newest commit. */
  refresh(): void {
    this.#commit.snapshot?.done();
    this.#commit = this.#store.commit();
  }

  db(offset?: number): Db {
    const at = { offset: offset ?? this.#commit.offset, current: offset === undefined };
    const source = { store: this.#store, progress: this.#progress, commit: () => this.#commit };
    return new FoldedDb(at, () => source);
  }

  /** Closes and opens again; `abandon` leaves what is not committed, as a crash does. `meanwhile` runs while it is closed. */
  async restart(
    how: 'close' | 'abandon' = 'close',
    definitions = this.#definitions,
    log = this.#log,
    meanwhile = () => {},
  ): Promise<void> {
    await this.#close(how);
    meanwhile();
    this.#log = log;
    this.#progress = new FoldProgress();
    this.#store = new ReadStore();
    this.#folding = this.#open(definitions);
  }

  async end(): Promise<void> {
    await this.#close('abandon');
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #close(how: 'close' | 'abandon'): Promise<void> {
    this.#commit.snapshot?.done();
    await this.#store.close();
    await this.#folding[how]();
  }

  #open(definitions = this.#definitions): Folding {
    this.#progress.synced = this.#log.events.length;
    const folding = new Folding({
      folder: projectionsDir(this.dir),
      log: this.#log,
      definitions,
      eventTypes: this.#eventTypes,
      progress: this.#progress,
      onTile: (structure, board, index, memory) => this.#store.boards(structure).add(board, index, memory),
      report: (message) => this.reports.push(message),
    });
    this.#store.open(projectionsDir(this.dir), definitions);
    this.#commit = this.#store.commit();
    return folding;
  }
}
