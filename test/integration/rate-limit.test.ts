import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryRateLimits } from '#cache/rate-limits.ts';
import { RedisConnection } from '#cache/redis.ts';
import { RedisRateLimits } from '#cache/redis-rate-limits.ts';
import { readRedisUrl } from '#cache/redis-url.ts';
import { ACME, OTHER, Stage } from './http-stage.ts';
import { hasOwnRedis, RedisServer } from './redis-server.ts';

const PER_SECOND = 5;

describe('requests above the limit', () => {
  const stage = new Stage();
  let nowMs = 0;

  beforeAll(async () => {
    stage.shared = { rateLimits: new MemoryRateLimits(PER_SECOND, () => nowMs), cache: null, boards: null };
    await stage.open();
  });
  afterAll(() => stage.close());

  async function statuses(count: number, key: string | null, path = '/v1/boards'): Promise<number[]> {
    const answers = [];
    for (let n = 0; n < count; n += 1) answers.push((await stage.call('GET', path, { key })).status);
    return answers;
  }

  test('are refused by key, and every answer tells how many are left', async () => {
    const first = await stage.call('GET', '/v1/boards', { key: ACME });
    expect(first.headers.get('ratelimit-policy')).toBe('"second";q=5;w=1');
    expect(first.headers.get('ratelimit')).toBe('"second";r=4;t=1');
    expect(await statuses(4, ACME)).toEqual([200, 200, 200, 200]);
    const refused = await stage.call('GET', '/v1/boards', { key: ACME });
    expect(refused).toMatchObject({ status: 429, body: { code: 'request.rate-limited' } });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('ratelimit')).toBe('"second";r=0;t=1');
    expect(await statuses(1, OTHER)).toEqual([200]);
    nowMs += 1000;
    expect(await statuses(6, ACME)).toEqual([200, 200, 200, 200, 200, 429]);
  });

  test('are refused by address where no key was sent, or one that does not stand', async () => {
    nowMs += 1000;
    expect(await statuses(3, null)).toEqual([200, 200, 200]);
    expect(await statuses(3, 'made-up-1')).toEqual([401, 401, 429]);
    expect(await statuses(1, 'made-up-2')).toEqual([429]);
  });

  test('are not counted where a load balancer asks', async () => {
    expect(await statuses(20, null, '/healthz')).toEqual(Array(20).fill(200));
    expect((await stage.call('OPTIONS', '/v1/boards', { key: null })).status).toBe(204);
  });
});

describe.skipIf(!hasOwnRedis())('limits over members (skipped without a Redis that may be killed)', () => {
  const redis = new RedisServer();
  const members: { connection: RedisConnection; limits: RedisRateLimits }[] = [];

  beforeAll(async () => {
    await redis.start();
    const options = { address: readRedisUrl(redis.url), commandMsMax: 1000, report: () => {} };
    for (let member = 0; member < 2; member += 1) {
      const connection = await RedisConnection.open(options);
      members.push({ connection, limits: new RedisRateLimits({ connection, keysBegin: 'rate:', perSecond: 20 }) });
    }
  });
  afterAll(async () => {
    for (const { connection, limits } of members) {
      limits.close();
      connection.close();
    }
    await redis.stop();
  });

  test('what one member counts the other learns; without Redis each counts for itself', async () => {
    const [one, two] = members.map(({ limits }) => limits);
    for (let n = 0; n < 20; n += 1) expect(one!.take('ann').isWithin).toBe(true);
    expect(one!.take('ann').isWithin).toBe(false);
    // Each asking takes one, and is told for it.
    await expect.poll(() => two!.take('ann').isWithin, { interval: 40 }).toBe(false);
    expect(two!.take('bob').isWithin).toBe(true);

    await redis.kill();
    await expect.poll(() => one!.take('ann').isWithin, { interval: 100 }).toBe(true);
    let within = 0;
    for (let n = 0; n < 40; n += 1) if (one!.take('ann').isWithin) within += 1;
    expect(within).toBeLessThanOrEqual(20);
  });
});
