import { randomBytes } from 'node:crypto';
import { errors, type StrataError } from '../errors.ts';
import { CooldownLife, type CooldownMark } from './cooldown-life.ts';
import { GIVE_BACK, TAKE } from './cooldown-scripts.ts';
import type { Cooldowns, RecentTakes } from './cooldowns.ts';
import type { RedisConnection } from './redis.ts';

/** Keys of one script: Redis does nothing else meanwhile. */
const KEYS_A_SCRIPT = 256;
/** Commands in flight at the bus, and some. */
const WAITING_MAX = 32_768;
/** Takes to undo that are kept for when Redis is back. */
const RETURNS_MAX = 16_384;
/** A take that was answered later than this is none: what it was for may not come after its marks were gathered. */
const ANSWER_MS_MAX = 1_000;

export type RedisCooldownsOptions = {
  readonly connection: RedisConnection;
  /** What all its keys begin with: `strata:{<log id>}:cooldown:`. */
  readonly keysBegin: string;
  /** True when other members take from the same Redis. */
  readonly shared: boolean;
  /** ms since 1970. */
  readonly clock: () => number;
  readonly report: (message: string) => void;
};

type Waiting = {
  readonly key: string;
  readonly seconds: number;
  readonly atMs: number;
  readonly resolve: (waitSeconds: number) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Cooldowns of all members. Judged by the times that events have, so that the log alone tells whether one was kept; gathered
 * again from the log whenever Redis was started, flushed or replaced, before anything is taken there. While Redis does not
 * answer, nothing is.
 */
export class RedisCooldowns implements Cooldowns {
  readonly #options: RedisCooldownsOptions;
  readonly #life: CooldownLife;
  /** Tells this process's takes from those of others. */
  readonly #member = randomBytes(8).toString('hex');
  #waiting: Waiting[] = [];
  /** Taken, and not known to be in the log: by key, when and for how long. */
  readonly #unkept = new Map<string, { readonly atMs: number; readonly seconds: number }>();
  #returns: { readonly name: string; readonly value: string }[] = [];

  constructor(options: RedisCooldownsOptions) {
    this.#options = options;
    this.#life = new CooldownLife({
      ...options,
      unkept: () => this.#unkeptMarks(),
      whenReady: () => void this.#sendReturns(),
    });
  }

  take(key: string, seconds: number, atMs: number): number | Promise<number> {
    if (seconds <= 0) return 0;
    if (this.#life.ready === null) throw this.#life.fault();
    if (this.#waiting.length >= WAITING_MAX) {
      throw errors.error('server.busy', 'too many cooldowns are asked for', { retryAfterSeconds: 1 });
    }
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({ key, seconds, atMs, resolve, reject });
    });
  }

  giveBack(key: string, atMs: number): void {
    this.keep(key, atMs);
    if (this.#returns.length >= RETURNS_MAX) return;
    if (this.#returns.length === 0) setImmediate(() => void this.#sendReturns());
    this.#returns.push({ name: this.#nameOf(key), value: this.#valueOf(atMs) });
  }

  keep(key: string, atMs: number): void {
    if (this.#unkept.get(key)?.atMs === atMs) this.#unkept.delete(key);
  }

  restore(recent: RecentTakes): Promise<void> {
    return this.#life.start(recent);
  }

  /** Why nothing can be taken now, or `null`. */
  fault(): StrataError | null {
    return this.#life.ready === null ? this.#life.fault() : null;
  }

  close(): Promise<void> {
    return this.#life.close();
  }

  #flush(): void {
    // What was given back may be taken again at once.
    void this.#sendReturns();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += KEYS_A_SCRIPT) {
      void this.#send(waiting.slice(from, from + KEYS_A_SCRIPT));
    }
  }

  async #send(takes: readonly Waiting[]): Promise<void> {
    const { marker, ready } = this.#life;
    if (ready === null) return this.#refuse(takes);
    const sentAtMs = performance.now();
    try {
      const keys = takes.map(({ key }) => this.#nameOf(key));
      const args = takes.flatMap(({ atMs, seconds }) => [atMs, seconds * 1000, this.#member]);
      const answer = await this.#options.connection.run(TAKE, [marker, ...keys], [ready, ...args]);
      if (answer === null) {
        this.#life.forgotten(ready);
        return this.#refuse(takes);
      }
      const isLate = performance.now() - sentAtMs > ANSWER_MS_MAX;
      if (isLate || this.#life.ready !== ready) throw this.#life.fault();
      const waits = answer as readonly number[];
      for (const [index, { key, atMs, seconds, resolve }] of takes.entries()) {
        if (waits[index] === 0) this.#unkept.set(key, { atMs, seconds });
        resolve(waits[index]!);
      }
    } catch (error) {
      // Some may have been taken all the same.
      for (const { key, atMs, reject } of takes) {
        this.giveBack(key, atMs);
        reject(error);
      }
    }
  }

  #refuse(takes: readonly Waiting[]): void {
    for (const { reject } of takes) reject(this.#life.fault());
  }

  async #sendReturns(): Promise<void> {
    const returns = this.#returns;
    this.#returns = [];
    for (let from = 0; from < returns.length; from += KEYS_A_SCRIPT) {
      const some = returns.slice(from, from + KEYS_A_SCRIPT);
      const [names, values] = [some.map(({ name }) => name), some.map(({ value }) => value)];
      try {
        await this.#options.connection.run(GIVE_BACK, names, values);
      } catch {
        // Sent again when Redis is back: until then nobody can take them anyway.
        this.#returns.push(...some.slice(0, Math.max(0, RETURNS_MAX - this.#returns.length)));
      }
    }
  }

  /** What the log did not take in, though it may yet, is let go when it would not matter any more. */
  #unkeptMarks(): readonly CooldownMark[] {
    const nowMs = this.#options.clock();
    const marks: CooldownMark[] = [];
    for (const [key, { atMs, seconds }] of this.#unkept) {
      const leftMs = atMs + seconds * 1000 - nowMs;
      if (leftMs > 0) marks.push({ name: this.#nameOf(key), value: this.#valueOf(atMs), leftMs });
      else this.#unkept.delete(key);
    }
    return marks;
  }

  #nameOf(key: string): string {
    return `${this.#options.keysBegin}${key}`;
  }

  #valueOf(atMs: number): string {
    return `${atMs} ${this.#member}`;
  }
}
