import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { errors, type StrataError } from '../errors.ts';
import { FINISH, LOOK, MARK } from './cooldown-scripts.ts';
import type { RecentTakes } from './cooldowns.ts';
import type { RedisConnection } from './redis.ts';

/** Keys of one script: Redis does nothing else meanwhile. */
const KEYS_A_SCRIPT = 256;
const LOOK_EVERY_MS = 250;
const GATHER_EVERY_MS = 50;
/** Every member sees within this time that Redis has forgotten, and tells what it has taken that is not in the log yet. */
const SETTLE_MS = 1_000;

/** A take that Redis must know; it matters for `leftMs` yet. */
export type CooldownMark = { readonly name: string; readonly value: string; readonly leftMs: number };

export type CooldownLifeOptions = {
  readonly connection: RedisConnection;
  readonly keysBegin: string;
  /** True when other members take from the same Redis. */
  readonly shared: boolean;
  /** ms since 1970. */
  readonly clock: () => number;
  readonly report: (message: string) => void;
  /** What was taken here and is not known to be in the log. */
  readonly unkept: () => readonly CooldownMark[];
  /** Takes count again. */
  readonly whenReady: () => void;
};

/**
 * Which life of Redis takes are granted in: whenever it was started, flushed or replaced, takes are gathered again from the log
 * and the members before any counts.
 */
export class CooldownLife {
  readonly marker: string;
  readonly #options: CooldownLifeOptions;
  #ready: string | null = null;
  #recent: RecentTakes | null = null;
  #looking: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: CooldownLifeOptions) {
    this.#options = options;
    this.marker = `${options.keysBegin}marker`;
    options.connection.listen({
      ready: () => void this.look(),
      // Whatever comes back may be another server, or an older state of this one.
      lost: () => (this.#ready = null),
    });
  }

  /** The marker's value while takes count, else `null`. */
  get ready(): string | null {
    return this.#ready;
  }

  async start(recent: RecentTakes): Promise<void> {
    this.#recent = recent;
    await this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
  }

  /** The marker is not what it was: nothing counts until it was looked at. */
  forgotten(ready: string): void {
    if (this.#ready === ready) this.#ready = null;
    void this.look();
  }

  /** Why no take counts now. */
  fault(): StrataError {
    return (
      this.#options.connection.fault() ??
      errors.error('engine.unavailable', 'the cooldowns are gathered from the log', { retryAfterSeconds: 1 })
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#looking;
  }

  /** Sees whether takes count, and gathers them where Redis has forgotten. One at a time; never rejects. */
  look(): Promise<void> {
    if (this.#recent === null || this.#closed || !this.#options.connection.isReady) return Promise.resolve();
    this.#looking ??= this.#lookOnce(this.#recent)
      // Reported where the connection is; it is looked again soon.
      .catch(() => (this.#ready = null))
      .then(() => {
        this.#looking = null;
      });
    return this.#looking;
  }

  async #lookOnce(recent: RecentTakes): Promise<void> {
    const { connection, report, whenReady } = this.#options;
    const run = await connection.runId();
    const life = randomBytes(8).toString('hex');
    const found = String(await connection.run(LOOK, [this.marker], [run, life]));
    if (!found.endsWith(' ready')) {
      this.#ready = null;
      report('Redis has no cooldowns: they are gathered from the log');
      await this.#gather(found, recent);
    } else this.#ready = found;
    if (this.#ready !== null) whenReady();
  }

  /** Tells Redis all takes that are known here, until some member has ended the gathering. */
  async #gather(gathering: string, recent: RecentTakes): Promise<void> {
    const { connection, keysBegin, clock, report, shared, unkept } = this.#options;
    const ready = gathering.replace(/\d+$/, 'ready');
    const windowMs = recent.windowMs();
    let marks: CooldownMark[] = [...unkept()];
    const mark = (key: string, atMs: number) => {
      const leftMs = atMs + windowMs - clock();
      if (leftMs > 0) marks.push({ name: `${keysBegin}${key}`, value: String(atMs), leftMs });
    };
    for (let after: number | null = null; !this.#closed; await pause(GATHER_EVERY_MS)) {
      for (let more = true; more; ) {
        ({ to: after, more } = recent.tell(after, mark));
        await this.#send(marks);
        marks = [];
      }
      const found = await connection.run(FINISH, [this.marker], [gathering, ready, shared ? SETTLE_MS : 0]);
      if (found === ready) {
        this.#ready = ready;
        report('Redis has the cooldowns again');
      }
      if (found !== gathering) return;
    }
  }

  async #send(marks: readonly CooldownMark[]): Promise<void> {
    for (let from = 0; from < marks.length; from += KEYS_A_SCRIPT) {
      const some = marks.slice(from, from + KEYS_A_SCRIPT);
      const args = some.flatMap(({ value, leftMs }) => [value, Math.ceil(leftMs)]);
      await this.#options.connection.run(
        MARK,
        some.map(({ name }) => name),
        args,
      );
    }
  }
}
