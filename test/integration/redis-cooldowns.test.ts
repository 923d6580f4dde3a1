import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RecentTakes } from '#cache/cooldowns.ts';
import { RedisConnection } from '#cache/redis.ts';
import { RedisCooldowns } from '#cache/redis-cooldowns.ts';
import { readRedisUrl } from '#cache/redis-url.ts';
import { isStrataError } from '#src/errors.ts';
import { hasOwnRedis, RedisServer } from './redis-server.ts';
import { ServerFixture } from './server-fixture.ts';

const SIDE = 64;

describe.skipIf(!hasOwnRedis())('cooldowns in Redis (skipped without a Redis that may be killed)', () => {
  const redis = new RedisServer();
  const strata = new ServerFixture();

  beforeAll(async () => {
    await redis.start();
    await strata.start({ STRATA_CACHE_URL: redis.url });
  });

  afterAll(async () => {
    await strata.stop();
    await redis.stop();
  });

  async function board(name: string, cooldownSeconds: number): Promise<void> {
    const settings = { width: SIDE, height: SIDE, palette: ['#ffffff', '#000000'], cooldownSeconds };
    expect((await strata.call('PUT', `/v1/boards/${name}`, settings)).status).toBe(201);
  }

  async function keys(names: readonly string[]): Promise<string[]> {
    return Promise.all(
      names.map(async (account) => {
        await strata.call('POST', '/v1/accounts', { account });
        return strata.keyOf(account);
      }),
    );
  }

  function place(name: string, x: number, y: number, key?: string) {
    const headers: Record<string, string> = key === undefined ? {} : { Authorization: `Bearer ${key}` };
    return strata.call('PUT', `/v1/boards/${name}/pixels/${x}/${y}`, { color: 1 }, headers);
  }

  test('a person waits for their turn, and is told how long', async () => {
    await board('slow', 600);
    const [ann = '', bob = ''] = await keys(['ann', 'bob']);
    expect((await place('slow', 1, 1, ann)).status).toBe(200);
    const early = await place('slow', 2, 1, ann);
    expect(early).toMatchObject({ status: 429, body: { code: 'board.cooldown' } });
    expect(Number(early.headers.get('retry-after'))).toBeGreaterThan(590);
    expect((await place('slow', 2, 1, bob)).status).toBe(200);
    expect((await place('slow', SIDE, 1)).body.code).toBe('board.outside');
    expect((await place('slow', 1, 1)).status).toBe(200);
  });

  test('what is placed on one stream stays in order while turns are asked for', async () => {
    await board('ordered', 1);
    const people = await keys(Array.from({ length: 20 }, (_, at) => `person-${at}`));
    const placed = await Promise.all(people.map((key) => place('ordered', 3, 3, key)));
    expect(placed.map(({ status }) => status)).toEqual(people.map(() => 200));
    const revisions = placed.map(({ body }) => body.revision);
    expect(revisions.toSorted((a, b) => a - b)).toEqual(people.map((_, at) => at));
    const last = placed.find(({ body }) => body.revision === people.length - 1)!;
    const pixel = await strata.read('/v1/boards/ordered/pixels/3/3', last.body.position);
    expect(pixel.body.actor).toBe(`account:person-${placed.indexOf(last)}`);
    const { body } = await strata.call('GET', '/v1/streams/tile-ordered-0-0?limit=100');
    const times = body.items.map(({ at }: { at: string }) => Date.parse(at));
    expect(times).toEqual(times.toSorted((a: number, b: number) => a - b));
  });

  test('while Redis is away, only boards without a cooldown take pixels; then turns that were taken still count', async () => {
    await board('waits', 600);
    await board('free', 0);
    await place('waits', 1, 1);
    await redis.kill();
    expect(await place('waits', 2, 1)).toMatchObject({ status: 503, body: { code: 'engine.unavailable' } });
    expect((await place('free', 2, 1)).status).toBe(200);
    await redis.restart({ isEmpty: true });
    await expect.poll(async () => (await place('waits', 2, 1)).status).toBe(429);
    expect((await place('slow', 3, 1)).status).toBe(429);
  });

  test('a restart of the server forgets no turn, with a Redis that forgot', async () => {
    await redis.kill();
    await redis.restart({ isEmpty: true });
    await strata.server.close();
    await strata.start({ STRATA_CACHE_URL: redis.url });
    expect((await place('waits', 2, 1)).status).toBe(429);
  });

  test('nobody places early while Redis is killed and flushed under load', async () => {
    const seconds = 1;
    await board('load', seconds);
    const people = await keys(Array.from({ length: 25 }, (_, at) => `load-${at}`));
    let over = false;
    const counts = new Map<number, number>();
    const load = people.map(async (key, at) => {
      for (let n = 0; !over; n += 1) {
        const { status } = await place('load', at, n % SIDE, key);
        counts.set(status, (counts.get(status) ?? 0) + 1);
      }
    });
    const accepted = () => counts.get(200) ?? 0;
    for (const lose of ['kill', 'flush', 'empty', 'flush'] as const) {
      const before = accepted();
      await expect.poll(accepted, { timeout: 20_000 }).toBeGreaterThan(before + people.length);
      if (lose === 'flush') await flush(redis.port);
      else {
        await redis.kill();
        await redis.restart({ isEmpty: lose === 'empty' });
      }
    }
    over = true;
    await Promise.all(load);
    expect([...counts.keys()].toSorted()).toEqual([200, 429, 503]);

    const lastAt = new Map<string, number>();
    let placed = 0;
    for (let next: string | null = ''; next !== null; ) {
      const page: { items: { actor: string; at: string; type: string }[]; next: string | null } = (
        await strata.call('GET', `/v1/streams/tile-load-0-0?limit=1000${next && `&cursor=${next}`}`)
      ).body;
      for (const { actor, at } of page.items) {
        const atMs = Date.parse(at);
        expect(atMs - (lastAt.get(actor) ?? 0), `${actor} at ${at}`).toBeGreaterThanOrEqual(seconds * 1000);
        lastAt.set(actor, atMs);
        placed += 1;
      }
      next = page.next;
    }
    expect(placed).toBe(accepted());
  });
});

describe.skipIf(!hasOwnRedis())('members that share a Redis (skipped without a Redis that may be killed)', () => {
  const redis = new RedisServer();
  const members: { connection: RedisConnection; cooldowns: RedisCooldowns }[] = [];
  /** What lies in the log: who took a turn, and when. */
  const taken: [key: string, atMs: number][] = [];

  beforeAll(async () => {
    await redis.start();
    for (let member = 0; member < 2; member += 1) {
      const connection = await connect(redis);
      const options = { keysBegin: 'own:', shared: true, clock: Date.now, report: () => {} };
      members.push({ connection, cooldowns: new RedisCooldowns({ ...options, connection }) });
    }
    const tell: RecentTakes['tell'] = (after, mark) => {
      for (const [key, atMs] of taken.slice(after ?? 0)) mark(key, atMs);
      return { to: taken.length, more: false };
    };
    await Promise.all(members.map(({ cooldowns }) => cooldowns.restore({ windowMs: () => 600_000, tell })));
  });

  afterAll(async () => {
    for (const { connection, cooldowns } of members) {
      await cooldowns.close();
      connection.close();
    }
    await redis.stop();
  });

  async function take(member: number, key: string): Promise<number | string> {
    try {
      return await members[member]!.cooldowns.take(key, 600, Date.now());
    } catch (error) {
      return isStrataError(error) ? error.code : String(error);
    }
  }

  const bothReady = () =>
    expect.poll(() => members.map(({ cooldowns }) => cooldowns.fault()), { timeout: 10_000 }).toEqual([null, null]);

  test('a turn taken at one is taken at the other, and can be given back by who took it', async () => {
    await bothReady();
    const atMs = Date.now();
    expect(await members[0]!.cooldowns.take('ann', 600, atMs)).toBe(0);
    expect(await take(1, 'ann')).toBe(600);
    members[1]!.cooldowns.giveBack('ann', atMs);
    expect(await take(1, 'ann')).toBe(600);
    members[0]!.cooldowns.giveBack('ann', atMs);
    await expect.poll(() => take(1, 'ann')).toBe(0);
  });

  test('a flushed Redis learns what is in the log, and what a member has taken that is not there yet', async () => {
    const atMs = Date.now();
    expect(await members[0]!.cooldowns.take('kept', 600, atMs)).toBe(0);
    taken.push(['kept', atMs]);
    members[0]!.cooldowns.keep('kept', atMs);
    expect(await take(0, 'under way')).toBe(0);
    await flush(redis.port);
    expect(await take(1, 'under way')).toBe('engine.unavailable');
    await bothReady();
    expect(await take(1, 'kept')).toBeGreaterThan(590);
    expect(await take(1, 'under way')).toBeGreaterThan(590);
    expect(await take(1, 'nobody')).toBe(0);
  });

  test('a Redis that does not answer grants nothing, and keeps no turn that nobody knows of', async () => {
    redis.pause();
    expect(await take(0, 'frozen')).toBe('engine.unavailable');
    redis.resume();
    await expect.poll(() => take(1, 'frozen'), { timeout: 10_000 }).toBe(0);
  });
});

test('a Redis that cannot be stood on is refused at the start, by name', async () => {
  const nobody = { address: readRedisUrl('redis://127.0.0.1:1'), commandMsMax: 1000, report: () => {} };
  await expect(RedisConnection.open(nobody)).rejects.toMatchObject({ code: 'engine.unavailable' });
  if (!hasOwnRedis()) return;
  const redis = await new RedisServer().start();
  const connection = await connect(redis);
  await connection.send('CONFIG', 'SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru');
  await expect(connect(redis)).rejects.toMatchObject({
    code: 'engine.misconfigured',
    message: expect.stringContaining('noeviction'),
  });
  await connection.send('CONFIG', 'SET', 'requirepass', 'secret', 'maxmemory', '0');
  await expect(connect(redis)).rejects.toMatchObject({ code: 'engine.misconfigured' });
  await expect(connect(redis, ':wrong@')).rejects.toMatchObject({ code: 'engine.misconfigured' });
  (await connect(redis, ':secret@')).close();
  connection.close();
  await redis.stop();
});

function connect({ url }: RedisServer, credentials = ''): Promise<RedisConnection> {
  const address = readRedisUrl(url.replace('redis://', `redis://${credentials}`));
  return RedisConnection.open({ address, commandMsMax: 1000, report: () => {} });
}

async function flush(port: number): Promise<void> {
  const { Redis } = await import('ioredis');
  const client = new Redis(port, '127.0.0.1');
  await client.flushall();
  client.disconnect();
}
