import { errors } from '../errors.ts';
import type { Cooldowns, RecentTakes } from './cooldowns.ts';

const MS_PER_SECOND = 1000;
/** Below this many keys nothing is looked through for expired ones. */
const SWEEP_FROM_KEYS = 4096;
/** Some 150 MB; beyond it commands are refused rather than memory exhausted. */
const KEYS_MAX = 1_000_000;

type Taken = { readonly atMs: number; readonly seconds: number };

/** Cooldowns of one process. Expired keys are let go, so memory follows the number of keys that still wait. */
export function memoryCooldowns(options: { readonly keysMax?: number } = {}): MemoryCooldowns {
  return new MemoryCooldowns(options.keysMax ?? KEYS_MAX);
}

export class MemoryCooldowns implements Cooldowns {
  readonly #taken = new Map<string, Taken>();
  readonly #keysMax: number;
  #sweepAtKeys = SWEEP_FROM_KEYS;
  #lastMs = 0;

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  get size(): number {
    return this.#taken.size;
  }

  /** @throws server.busy when as many keys as fit are waiting. */
  take(key: string, seconds: number, atMs: number): number {
    if (seconds <= 0) return 0;
    const taken = this.#taken.get(key);
    if (taken !== undefined) {
      const leftMs = taken.atMs + seconds * MS_PER_SECOND - atMs;
      if (leftMs > 0) return Math.ceil(leftMs / MS_PER_SECOND);
    }
    this.#set(key, { atMs, seconds });
    return 0;
  }

  giveBack(key: string, atMs: number): void {
    if (this.#taken.get(key)?.atMs === atMs) this.#taken.delete(key);
  }

  keep(): void {}

  async restore(recent: RecentTakes): Promise<void> {
    const seconds = recent.windowMs() / MS_PER_SECOND;
    const mark = (key: string, atMs: number) => {
      const taken = this.#taken.get(key);
      if (taken === undefined || taken.atMs < atMs) this.#set(key, { atMs, seconds });
    };
    for (let told = recent.tell(null, mark); told.more; ) told = recent.tell(told.to, mark);
  }

  #set(key: string, taken: Taken): void {
    this.#lastMs = Math.max(this.#lastMs, taken.atMs);
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
