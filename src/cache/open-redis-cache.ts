import type { OpenCacheOptions, OpenedCache } from './open-cache.ts';
import { RedisConnection } from './redis.ts';
import { RedisBitmaps } from './redis-bitmaps.ts';
import { RedisCache } from './redis-cache.ts';
import { RedisCooldowns } from './redis-cooldowns.ts';
import { RedisRateLimits } from './redis-rate-limits.ts';
import { readRedisUrl } from './redis-url.ts';

/** Cooldowns and limits: what somebody waits for. */
const QUICK_MS_MAX = 1_000;
const BULK_MS_MAX = 10_000;

type RedisCacheOptions = OpenCacheOptions & { readonly config: { readonly url: string } };

/** Two connections, so that no take waits behind a bitmap. @throws config.invalid, engine.unavailable, engine.misconfigured */
export async function openRedisCache(options: RedisCacheOptions): Promise<OpenedCache> {
  const { config, perSecond, log, shared, clock, report } = options;
  const address = readRedisUrl(config.url);
  const quick = await RedisConnection.open({ address, commandMsMax: QUICK_MS_MAX, report });
  const bulk = await RedisConnection.open({ address, commandMsMax: BULK_MS_MAX, report: () => {} }).catch((error) => {
    quick.close();
    throw error;
  });
  // The braces keep all keys of a log in one slot of a cluster.
  const keysBegin = `${address.prefix}:{${log.id}}:`;
  const cooldowns = new RedisCooldowns({
    connection: quick,
    keysBegin: `${keysBegin}cooldown:`,
    shared,
    clock,
    report,
  });
  const rateLimits =
    perSecond === null ? null : new RedisRateLimits({ connection: quick, keysBegin: `${keysBegin}rate:`, perSecond });
  return {
    cooldowns,
    rateLimits,
    cache: new RedisCache({ connection: bulk, keysBegin: `${keysBegin}cache:` }),
    boards: new RedisBitmaps({ connection: bulk, keysBegin, epoch: log.epoch }),
    fault: () => cooldowns.fault(),
    close: async () => {
      rateLimits?.close();
      await cooldowns.close();
      quick.close();
      bulk.close();
    },
  };
}
