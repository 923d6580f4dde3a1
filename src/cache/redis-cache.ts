import { setTimeout as pause } from 'node:timers/promises';
import type { Cache } from './cache.ts';
import type { RedisConnection } from './redis.ts';

const ENTRY_BYTES_MAX = 16 * 1024 * 1024;
/** Redis may not throw anything away, so what is kept must never fill it: this much a minute and member, for five minutes. */
const BYTES_A_MINUTE_MAX = 64 * 1024 * 1024;
/** Whoever asks can make it too: nobody waits long for a Redis that does not answer. */
const ANSWER_MS_MAX = 250;
const SECONDS_MAX = 300;
const MINUTE_MS = 60_000;

export type RedisCacheOptions = {
  readonly connection: RedisConnection;
  /** `strata:{<log id>}:cache:` */
  readonly keysBegin: string;
};

/** What one member made, for all. While Redis does not answer, nothing is there. */
export class RedisCache implements Cache {
  readonly #options: RedisCacheOptions;
  #minute = { endsMs: 0, bytes: 0 };

  constructor(options: RedisCacheOptions) {
    this.#options = options;
  }

  async get(name: string): Promise<Buffer | null> {
    const { connection, keysBegin } = this.#options;
    if (!connection.isReady) return null;
    const found = connection.sendForBytes('GET', `${keysBegin}${name}`).catch(() => null);
    const first = await Promise.race([found, pause(ANSWER_MS_MAX, null, { ref: false })]);
    return Buffer.isBuffer(first) ? first : null;
  }

  set(name: string, bytes: Uint8Array, seconds: number): void {
    const { connection, keysBegin } = this.#options;
    const nowMs = performance.now();
    if (nowMs >= this.#minute.endsMs) this.#minute = { endsMs: nowMs + MINUTE_MS, bytes: 0 };
    const hasRoom = this.#minute.bytes + bytes.byteLength <= BYTES_A_MINUTE_MAX;
    if (!connection.isReady || bytes.byteLength > ENTRY_BYTES_MAX || !hasRoom) return;
    this.#minute.bytes += bytes.byteLength;
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // What could not be kept is made again.
    connection.send('SET', `${keysBegin}${name}`, whole, 'EX', Math.min(SECONDS_MAX, seconds)).catch(() => undefined);
  }
}
