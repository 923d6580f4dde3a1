import { errors } from '../errors.ts';
import type { Cooldowns } from './cooldowns.ts';

const MS_PER_SECOND = 1000;
/** Below this many keys nothing is looked through for expired ones. */
const SWEEP_FROM_KEYS = 4096;
/** Some 150 MB; beyond it commands are refused rather than memory exhausted. */
const KEYS_MAX = 1_000_000;

type Taken = { readonly atMs: number; readonly seconds: number };

export type MemoryCooldownsOptions = {
  /** How long a mark matters at most, in seconds: the longest cooldown there is. A day unless told. */
  readonly secondsMax?: number;
  readonly keysMax?: number;
};

/** Cooldowns of one process. Expired keys are let go, so memory follows the number of keys that still wait. */
export function memoryCooldowns(options: MemoryCooldownsOptions = {}): Cooldowns & { readonly size: number } {
  return new MemoryCooldowns(options.secondsMax ?? 86_400, options.keysMax ?? KEYS_MAX);
}

class MemoryCooldowns implements Cooldowns {
  readonly #taken = new Map<string, Taken>();
  readonly #secondsMax: number;
  readonly #keysMax: number;
  #sweepAtKeys = SWEEP_FROM_KEYS;
  #lastMs = 0;

  constructor(secondsMax: number, keysMax: number) {
    this.#secondsMax = secondsMax;
    this.#keysMax = keysMax;
  }

  get size(): number {
    return this.#taken.size;
  }

  /** @throws server.busy when as many keys as fit are waiting. */
  take(key: string, seconds: number, nowMs: number): number {
    if (seconds <= 0) return 0;
    const taken = this.#taken.get(key);
    if (taken !== undefined) {
      const leftMs = taken.atMs + seconds * MS_PER_SECOND - nowMs;
      if (leftMs > 0) return Math.ceil(leftMs / MS_PER_SECOND);
    }
    this.#set(key, { atMs: nowMs, seconds }, nowMs);
    return 0;
  }

  giveBack(key: string): void {
    this.#taken.delete(key);
  }

  mark(key: string, atMs: number): void {
    const taken = this.#taken.get(key);
    if (taken === undefined || taken.atMs < atMs) this.#set(key, { atMs, seconds: this.#secondsMax }, atMs);
  }

  #set(key: string, taken: Taken, nowMs: number): void {
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    if (this.#taken.size >= Math.min(this.#sweepAtKeys, this.#keysMax)) this.#sweep();
    if (this.#taken.size >= this.#keysMax && !this.#taken.has(key)) {
      throw errors.error('server.busy', 'too many cooldowns are running', { retryAfterSeconds: 1 });
    }
    this.#taken.set(key, taken);
  }

  /** Costs a look at every key, so the next one is due when there are twice as many. */
  #sweep(): void {
    for (const [key, taken] of this.#taken) {
      if (taken.atMs + taken.seconds * MS_PER_SECOND <= this.#lastMs) this.#taken.delete(key);
    }
    this.#sweepAtKeys = Math.max(SWEEP_FROM_KEYS, this.#taken.size * 2);
  }
}
