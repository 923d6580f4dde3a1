import { hash } from 'node:crypto';
import { type Bucket, MemoryRateLimits, type RateLimits, type Standing } from './rate-limits.ts';
import { type RedisConnection, script } from './redis.ts';

/** How often members tell each other: a caller that comes by all of them at once gets that much more, no more. */
const TOLD_EVERY_MS = 100;
const CALLERS_A_SCRIPT = 256;

/**
 * KEYS: callers. ARGV: requests a second, then what each has taken since it was last told. Answers the thousandths of a
 * token that each has left, which is below zero for what was taken too much, though not by more than a second's worth.
 */
const TELL = script(`
local perSecond = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local left = {}
for i = 1, #KEYS do
  local tokens, found = perSecond, redis.call('GET', KEYS[i])
  if found then
    local had, at = string.match(found, '^(%S+) (%S+)$')
    tokens = math.min(perSecond, tonumber(had) + math.max(0, now - tonumber(at)) / 1000 * perSecond)
  end
  tokens = math.max(-perSecond, tokens - tonumber(ARGV[i + 1]))
  redis.call('SET', KEYS[i], string.format('%.3f %.3f', tokens, now), 'PX', 3000)
  left[i] = math.floor(tokens * 1000)
end
return left`);

export type RedisRateLimitsOptions = {
  readonly connection: RedisConnection;
  /** `strata:{<log id>}:rate:` */
  readonly keysBegin: string;
  readonly perSecond: number;
};

/**
 * The limits of all members. Each request is counted here at once, and the members' counts are brought together ten times a
 * second, so no request waits for Redis; while it does not answer, each member limits for itself.
 */
export class RedisRateLimits implements RateLimits {
  readonly perSecond: number;
  readonly #options: RedisRateLimitsOptions;
  readonly #here: MemoryRateLimits;
  /** Who took something since it was last told. */
  #untold = new Map<string, Bucket>();
  readonly #timer: NodeJS.Timeout;
  #telling = false;

  constructor(options: RedisRateLimitsOptions) {
    this.#options = options;
    this.perSecond = options.perSecond;
    this.#here = new MemoryRateLimits(options.perSecond);
    this.#timer = setInterval(() => void this.#tell(), TOLD_EVERY_MS);
  }

  take(caller: string): Standing {
    const standing = this.#here.take(caller);
    if (standing.isWithin && !this.#untold.has(caller)) this.#untold.set(caller, this.#here.bucketOf(caller));
    return standing;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #tell(): Promise<void> {
    if (this.#telling || this.#untold.size === 0) return;
    this.#telling = true;
    const untold = [...this.#untold];
    this.#untold = new Map();
    try {
      for (let from = 0; from < untold.length; from += CALLERS_A_SCRIPT) {
        await this.#tellSome(untold.slice(from, from + CALLERS_A_SCRIPT));
      }
    } catch {
      // Redis is away, which is reported where the connection is: what was taken meanwhile is forgiven elsewhere.
    }
    this.#telling = false;
  }

  async #tellSome(untold: readonly (readonly [string, Bucket])[]): Promise<void> {
    const { connection, keysBegin, perSecond } = this.#options;
    const told = untold.map(([, bucket]) => bucket.untold);
    for (const [, bucket] of untold) bucket.untold = 0;
    // Callers are known by their keys, which nobody needs to read in Redis.
    const keys = untold.map(([caller]) => `${keysBegin}${hash('sha256', caller, 'hex').slice(0, 32)}`);
    const left = (await connection.run(TELL, keys, [perSecond, ...told])) as readonly number[];
    for (const [at, [caller]] of untold.entries()) {
      const bucket = this.#here.bucketOf(caller);
      bucket.tokens = left[at]! / 1000 - bucket.untold;
    }
  }
}
