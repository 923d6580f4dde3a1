import type { Config } from './config.ts';
import { errors, isStrataError } from './errors.ts';

/** A URL as its engine reads it, and the variable that it stands in. */
type Reading = { readonly path: string; readonly read: () => unknown };

/**
 * Looks whether the URLs of all engines can be read, before any of them is asked.
 * @throws config.invalid with every mistake at once; never with credentials
 */
export async function requireEngineUrls(config: Pick<Config, 'log' | 'blobs' | 'cache'>): Promise<void> {
  const mistakes = (await readings(config)).flatMap(({ path, read }) => {
    try {
      read();
      return [];
    } catch (error) {
      if (!isStrataError(error, 'config.invalid')) throw error;
      return error.errors ?? [{ path, message: error.message }];
    }
  });
  if (mistakes.length === 0) return;
  const lines = mistakes.map(({ path, message }) => `${path} ${message}`);
  throw errors.error('config.invalid', lines.join('; '), { errors: mistakes });
}

/** What reads a URL is loaded only where it is used. */
async function readings({ log, blobs, cache }: Pick<Config, 'log' | 'blobs' | 'cache'>): Promise<Reading[]> {
  const found: Reading[] = [];
  if (log.engine === 'kafka') {
    const { kafkaSettings } = await import('#log/kafka/url.ts');
    found.push({ path: 'STRATA_LOG_URL', read: () => kafkaSettings(log.url) });
  }
  if (log.engine === 'eventstore') {
    const { eventStoreSettings } = await import('#log/eventstore/url.ts');
    found.push({ path: 'STRATA_LOG_URL', read: () => eventStoreSettings(log.url) });
  }
  if (blobs.engine === 's3') {
    const { parseBucketUrl } = await import('#blobs/bucket-url.ts');
    found.push({ path: 'STRATA_BLOBS_URL', read: () => parseBucketUrl(blobs.url) });
  }
  if (cache.engine === 'redis') {
    const { readRedisUrl } = await import('#cache/redis-url.ts');
    found.push({ path: 'STRATA_CACHE_URL', read: () => readRedisUrl(cache.url) });
  }
  return found;
}
