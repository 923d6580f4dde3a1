import { setTimeout as pause } from 'node:timers/promises';
import type { BoardBitmaps, BoardShape } from '#cache/board-bitmaps.ts';
import type { RecordedEvent } from '#events/event.ts';
import type { Projections } from '#history/db.ts';
import type { Batch } from '#log/event-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import { seededBoards, shapeOf } from '#projections/boards/seeded-boards.ts';
import { type Settings, settingsOf } from '#projections/boards/settings.ts';
import { isStrataError } from '../errors.ts';
import { GatheredChanges } from './board-changes.ts';

/** How long pixels are gathered. Members that feed the same bitmaps share the work, as none sends what is there. */
const TICK_MS = 50;
const AGAIN_MS = 250;
const FOLDED_MS_MAX = 5_000;
/** Further behind, boards are put there anew. */
const EVENTS_BEHIND_MAX = 1_000_000;

export type BitmapFeederParts = {
  readonly log: LocalLog;
  readonly bitmaps: BoardBitmaps;
  readonly projections: Projections;
  readonly report: (message: string, fields: { readonly [name: string]: unknown }) => void;
};

/** Feeds the bitmaps that members share from the log's live end, and puts them there again when they are gone. */
export class BitmapFeeder {
  readonly #parts: BitmapFeederParts;
  readonly #closing = new AbortController();
  readonly #over: Promise<void>;
  readonly #made = new Map<string, BoardShape>();
  #gathered: GatheredChanges;
  #batches: AsyncIterator<Batch> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #flushing: Promise<void> | null = null;

  private constructor(parts: BitmapFeederParts) {
    this.#parts = parts;
    this.#gathered = new GatheredChanges(0, this.#shapes);
    this.#over = this.#run();
  }

  static start(parts: BitmapFeederParts): BitmapFeeder {
    return new BitmapFeeder(parts);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#end();
    await this.#over;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const from = await this.#begin();
        if (from !== null && !signal.aborted) await this.#follow(from);
      } catch (error) {
        this.#report(error);
      }
      await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
    await this.#flushing;
  }

  /** Where to go on: `null` when another member is further, or just puts the boards there. */
  async #begin(): Promise<number | null> {
    const { bitmaps, projections, log } = this.#parts;
    let from = await bitmaps.standsAt();
    if (from !== null && from > log.headOffset()) return null;
    if (from === null || log.headOffset() - from > EVENTS_BEHIND_MAX) {
      const offset = projections.checkpoint();
      await bitmaps.seed(offset, seededBoards(projections.db(offset)));
      from = await bitmaps.standsAt();
      if (from === null || from > log.headOffset()) return null;
    }
    // The shapes of boards that were made before are read from there.
    await projections.waitFor(from, FOLDED_MS_MAX);
    return from;
  }

  async #follow(from: number): Promise<void> {
    const { log } = this.#parts;
    this.#gathered = new GatheredChanges(from, this.#shapes);
    const batches = log.subscribe({ epoch: log.epoch, offsets: [from] })[Symbol.asyncIterator]();
    this.#batches = batches;
    for (let next = await batches.next(); !next.done && this.#batches !== null; next = await batches.next()) {
      for (const event of next.value.events) this.#gathered.add(event);
      this.#gathered.to = next.value.to;
      if (this.#gathered.isFull) await this.#flush();
      else this.#timer ??= setTimeout(() => void this.#flush(), TICK_MS);
    }
  }

  /** One at a time; what is gathered meanwhile goes with the next. Never rejects. */
  async #flush(): Promise<void> {
    await this.#flushing;
    this.#timer = null;
    if (this.#batches === null) return;
    const gathered = this.#gathered;
    this.#gathered = new GatheredChanges(gathered.to, this.#shapes);
    this.#flushing = this.#send(gathered).catch((error: unknown) => {
      this.#report(error);
      this.#end();
    });
    await this.#flushing;
  }

  async #send(gathered: GatheredChanges): Promise<void> {
    const { bitmaps } = this.#parts;
    const { after, to } = gathered;
    const before = await bitmaps.standsAt();
    if (before !== null && before >= to) return;
    const from = Math.max(after, before ?? after);
    const fed = before === null ? null : await bitmaps.feed(from, to, gathered.since(from));
    if (fed?.isApplied === true || (fed?.standsAt ?? 0) >= to) return;
    // They were lost, or are an older state: followed from there.
    this.#end();
  }

  /** Ends what is followed; it begins again where the bitmaps stand. */
  #end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const batches = this.#batches;
    this.#batches = null;
    void batches?.return?.();
  }

  /** A Redis that is away is reported where the connection is. */
  #report(error: unknown): void {
    if (!isStrataError(error, 'engine.unavailable')) this.#parts.report('the bitmaps are not fed', { error });
  }

  readonly #shapes = {
    of: (board: string): BoardShape => {
      const known = this.#made.get(board);
      if (known !== undefined) return known;
      const shape = shapeOf(settingsOf(this.#parts.projections.db(), board).settings);
      this.#made.set(board, shape);
      return shape;
    },
    madeBy: ({ type, data }: RecordedEvent): BoardShape | null => {
      if (type !== 'BoardCreated') return null;
      // The event's schema is what settings are.
      const shape = shapeOf(data as unknown as Settings);
      this.#made.set(shape.board, shape);
      return shape;
    },
  };
}
