import type { Config } from '../config.ts';
import type { StrataError } from '../errors.ts';
import type { BoardBitmaps } from './board-bitmaps.ts';
import type { Cache } from './cache.ts';
import type { Cooldowns } from './cooldowns.ts';
import { memoryCooldowns } from './memory-cooldowns.ts';
import { MemoryRateLimits, type RateLimits } from './rate-limits.ts';

/** What members share besides log and blobs; all of it can be made again from the log. */
export type OpenedCache = {
  readonly cooldowns: Cooldowns;
  /** `null` where nobody is limited. */
  readonly rateLimits: RateLimits | null;
  /** Pictures that another member may have made; `null` in one process, which keeps its own. */
  readonly cache: Cache | null;
  /** The boards of now; `null` in one process, which has them in memory. */
  readonly boards: BoardBitmaps | null;
  /** Why it cannot be asked now, or `null`. Only boards with a cooldown take no pixels then. */
  fault(): StrataError | null;
  close(): Promise<void>;
};

export type OpenCacheOptions = {
  readonly config: Config['cache'];
  /** Requests a second and caller; `null` for any number. */
  readonly perSecond: number | null;
  readonly log: { readonly id: string; readonly epoch: number };
  /** True when several members write to the log. */
  readonly shared: boolean;
  /** ms since 1970. */
  readonly clock: () => number;
  readonly report: (message: string) => void;
};

/** @throws config.invalid, engine.unavailable, engine.misconfigured */
export async function openCache(options: OpenCacheOptions): Promise<OpenedCache> {
  const { config, perSecond } = options;
  if (config.engine === 'redis') {
    const { openRedisCache } = await import('./open-redis-cache.ts');
    return await openRedisCache({ ...options, config });
  }
  return {
    cooldowns: memoryCooldowns(),
    rateLimits: perSecond === null ? null : new MemoryRateLimits(perSecond),
    cache: null,
    boards: null,
    fault: () => null,
    close: async () => {},
  };
}
