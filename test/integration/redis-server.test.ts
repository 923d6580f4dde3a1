import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { hasOwnRedis, RedisServer } from './redis-server.ts';

describe.skipIf(!hasOwnRedis())('a Redis of a test (skipped without Redis, or where its URL was given)', () => {
  test('it keeps what it acknowledged through a kill, unless it is to come back empty', async () => {
    const server = await new RedisServer().start();
    const redis = new Redis(server.url, { lazyConnect: true });
    redis.on('error', () => {});
    try {
      await redis.set('a', '1');
      await server.kill();
      await server.restart();
      expect(await redis.get('a')).toBe('1');
      await server.kill();
      await server.restart({ isEmpty: true });
      expect(await redis.get('a')).toBe(null);
    } finally {
      redis.disconnect();
      await server.stop();
    }
  });
});
