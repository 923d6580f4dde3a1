import type { ProjectionDefinition } from '../projection.ts';
import type { RebuiltCopy } from './rebuilt-copies.ts';
import type { RunningFold } from './running-fold.ts';

/** From so many events behind on, a rebuilt copy has not caught up. */
const CAUGHT_UP_EVENTS = 1_000;
const RATE_WINDOW_MS = 5_000;

/** How far a rebuild is. Positions are offsets. */
export type RebuildStatus = {
  readonly generation: number;
  readonly offset: number;
  /** Over the last seconds. */
  readonly eventsPerSecond: number;
  /** `null` while it cannot be told. */
  readonly secondsLeft: number | null;
  readonly isCaughtUp: boolean;
  /** Why it cannot go on, or `null`. */
  readonly fault: string | null;
};

/** A copy of a projection that is folded from the log, beside the one that serves. */
export class Rebuild {
  readonly definition: ProjectionDefinition;
  readonly copy: RebuiltCopy;
  readonly fold: RunningFold;
  /** How far it was, and when: the latest that is older than the rate's window, and those since. */
  readonly #samples: { readonly atMs: number; readonly offset: number }[] = [];

  constructor(definition: ProjectionDefinition, copy: RebuiltCopy, fold: RunningFold) {
    this.definition = definition;
    this.copy = copy;
    this.fold = fold;
  }

  /** At every commit. */
  committed(): void {
    const samples = this.#samples;
    samples.push({ atMs: performance.now(), offset: this.fold.committed });
    while (samples.length > 2 && samples[1]!.atMs < performance.now() - RATE_WINDOW_MS) samples.shift();
  }

  /** `synced` is the log's end. */
  status(synced: number): RebuildStatus {
    const { committed, fault } = this.fold;
    const isCaughtUp = synced - committed < CAUGHT_UP_EVENTS;
    const first = this.#samples[0];
    const seconds = first === undefined ? 0 : (performance.now() - first.atMs) / 1000;
    const eventsPerSecond = first === undefined || seconds === 0 ? 0 : (committed - first.offset) / seconds;
    const left = eventsPerSecond > 0 ? (synced - committed) / eventsPerSecond : null;
    return {
      generation: this.copy.generation,
      offset: committed,
      eventsPerSecond,
      secondsLeft: isCaughtUp ? 0 : left,
      isCaughtUp,
      fault: fault?.message ?? null,
    };
  }
}
