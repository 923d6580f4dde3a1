import type { BlobStore } from './blob-store.ts';
import { noteCollected } from './collected.ts';

/** Until a blob that was stored is named by an event, at most. */
const UNNAMED_MS_MAX = 60_000;
const FIRST_SWEEP_MS = 60_000;
const SWEEP_EVERY_MS = 6 * 3600 * 1000;
/** How long deleting is left alone after it failed. */
const RETRY_MS = 60_000;
/** Blobs that are looked at together. */
const BATCH_MAX = 10_000;
/** Marks beyond are left to the next sweep. */
const MARKED_MAX = 100_000;

export type CollectorOptions = {
  readonly blobs: BlobStore;
  /** Where it is noted which blobs were collected. */
  readonly dataDir: string;
  /** Those of these blobs that something names, as of all that is in the log when it is called. */
  readonly namedAmong: (sha256s: readonly string[]) => Promise<ReadonlySet<string>>;
  /** How long a blob may lie unnamed before it is an orphan. */
  readonly graceMs: number;
  /** ms since 1970. */
  readonly clock: () => number;
  readonly report: (message: string, fields: { readonly [name: string]: string | number }) => void;
};

/**
 * Deletes blobs that nothing names: orphans of uploads that were never finished, and what was erased. A blob is marked
 * first; after a wait it is looked at once more, and deleted only if still nothing names it and it was not stored again.
 */
export class BlobCollector {
  readonly #options: CollectorOptions;
  readonly #waitMs: number;
  /** Marked blobs, and when they were marked (ms since 1970), oldest first. */
  readonly #marked = new Map<string, number>();
  #sweepTimer: NodeJS.Timeout | null = null;
  #deleteTimer: NodeJS.Timeout | null = null;
  #working: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(options: CollectorOptions) {
    this.#options = options;
    this.#waitMs = Math.min(UNNAMED_MS_MAX, options.graceMs);
    this.#sweepAfter(Math.min(FIRST_SWEEP_MS, options.graceMs));
  }

  /** Sweeps a minute from now, and then every six hours. */
  static start(options: CollectorOptions): BlobCollector {
    return new BlobCollector(options);
  }

  /** Deletes these blobs, a minute from now, unless something names them then: call it when something ceased to. */
  collect(sha256s: readonly string[]): void {
    const now = this.#options.clock();
    for (const sha256 of sha256s) {
      if (this.#marked.size < MARKED_MAX && !this.#marked.has(sha256)) this.#marked.set(sha256, now);
    }
    this.#deleteSoon();
  }

  /** Marks all blobs that lie there for longer than the grace and that nothing names. */
  async sweep(): Promise<void> {
    const { blobs, clock, graceMs } = this.#options;
    let batch: string[] = [];
    for await (const { sha256, modifiedAtMs } of blobs.list()) {
      if (this.#isClosed) return;
      if (modifiedAtMs > clock() - graceMs) continue;
      batch.push(sha256);
      if (batch.length < BATCH_MAX) continue;
      await this.#mark(batch);
      batch = [];
    }
    await this.#mark(batch);
  }

  /** Ends after what is under way; marks are forgotten, and made again by a later sweep. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of [this.#sweepTimer, this.#deleteTimer]) if (timer !== null) clearTimeout(timer);
    await this.#working;
  }

  async #mark(sha256s: readonly string[]): Promise<void> {
    if (sha256s.length === 0) return;
    const named = await this.#options.namedAmong(sha256s);
    this.collect(sha256s.filter((sha256) => !named.has(sha256)));
  }

  async #deleteDue(): Promise<void> {
    const { blobs, clock, dataDir, namedAmong, report } = this.#options;
    const due = [...this.#marked].filter(([, markedAt]) => markedAt + this.#waitMs <= clock()).slice(0, BATCH_MAX);
    if (due.length === 0) return;
    const named = await namedAmong(due.map(([sha256]) => sha256));
    const orphans = due.filter(([sha256]) => !named.has(sha256));
    const storedAgain: string[] = [];
    if (orphans.length > 0) {
      // Noted first: a backup forgets what was collected, and misses what is lost.
      await noteCollected(
        dataDir,
        orphans.map(([sha256]) => sha256),
      );
      let deleted = 0;
      for (const [sha256, markedAt] of orphans) {
        if (await blobs.deleteStoredBefore(sha256, markedAt)) deleted += 1;
        else if (await blobs.has(sha256)) storedAgain.push(sha256);
      }
      if (deleted > 0) report('blobs that nothing names were deleted', { blobs: deleted });
    }
    for (const [sha256] of due) this.#marked.delete(sha256);
    // Named by then, or orphans once more. A store that knows times to the second may also have been in doubt.
    this.collect(storedAgain);
  }

  #sweepAfter(delayMs: number): void {
    this.#sweepTimer = setTimeout(() => {
      this.#work(() => this.sweep());
      this.#sweepAfter(SWEEP_EVERY_MS);
    }, delayMs).unref();
  }

  #deleteSoon(notBeforeMs = 0): void {
    if (this.#deleteTimer !== null || this.#marked.size === 0 || this.#isClosed) return;
    const [oldest = 0] = this.#marked.values();
    const delayMs = Math.max(notBeforeMs, oldest + this.#waitMs - this.#options.clock());
    this.#deleteTimer = setTimeout(() => {
      this.#deleteTimer = null;
      this.#work(async () => {
        let notBeforeMs = RETRY_MS;
        try {
          await this.#deleteDue();
          notBeforeMs = 0;
        } finally {
          this.#deleteSoon(notBeforeMs);
        }
      });
    }, delayMs + 1).unref();
  }

  /** One thing after the other. What fails is reported, and tried again later. */
  #work(work: () => Promise<void>): void {
    this.#working = this.#working.then(async () => {
      if (this.#isClosed) return;
      await work().catch((error) => this.#options.report('blobs could not be collected', { error: String(error) }));
    });
  }
}
