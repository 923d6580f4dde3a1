import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BoardBitmap, BoardShape } from '#cache/board-bitmaps.ts';
import { RedisConnection } from '#cache/redis.ts';
import { RedisBitmaps } from '#cache/redis-bitmaps.ts';
import { RedisCache } from '#cache/redis-cache.ts';
import { readRedisUrl } from '#cache/redis-url.ts';
import type { RecordedEvent } from '#events/event.ts';
import { packBitmap } from '#projections/boards/bitmap.ts';
import { GatheredChanges } from '../../src/live/board-changes.ts';
import { Stage } from './http-stage.ts';
import { hasOwnRedis, RedisServer } from './redis-server.ts';
import { ServerFixture } from './server-fixture.ts';

const COLOURS = ['#ffffff', '#000000', '#ff0000', '#00ff00'];

describe.skipIf(!hasOwnRedis())('boards in Redis (skipped without a Redis that may be killed)', () => {
  const redis = new RedisServer();
  let connection: RedisConnection;

  beforeAll(async () => {
    await redis.start();
    connection = await connect(redis);
  });

  afterAll(async () => {
    connection.close();
    await redis.stop();
  });

  function bitmaps(keysBegin: string, epoch = 1): RedisBitmaps {
    return new RedisBitmaps({ connection, keysBegin, epoch });
  }

  /** fast-check prints the seed of what fails. */
  test('members that feed the same boards in any way make the board of where they stand, and never go back', async () => {
    let run = 0;
    const shape: BoardShape = { board: 'b', width: 7, height: 5, bits: 4 };
    const pixel = fc.record({ place: fc.nat(34), color: fc.nat(15) });
    const feeding = fc.record({ after: fc.nat(60), length: fc.integer({ min: 1, max: 25 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(pixel, { minLength: 1, maxLength: 60 }),
        fc.array(feeding, { minLength: 1, maxLength: 30 }),
        fc.constantFrom(4, 8),
        async (pixels, feedings, bits) => {
          run += 1;
          const own = bitmaps(`run-${run}:`);
          const events = [made(shape), ...pixels.map(({ place, color }, at) => placed(shape, place, color, at + 2))];
          await own.seed(0, []);
          let stood = 0;
          for (const { after, length } of feedings) {
            const from = Math.min(after, events.length - 1);
            const to = Math.min(from + length, events.length);
            const gathered = new GatheredChanges(from, shapesOf({ ...shape, bits: bits as 4 | 8 }));
            for (const event of events.slice(from, to)) gathered.add(event);
            const fed = await own.feed(from, to, gathered.since(from));
            const reaches = from <= stood && to > stood;
            expect(fed).toEqual({ isApplied: reaches, standsAt: reaches ? to : stood });
            stood = fed.standsAt!;
            if (stood === 0) continue;
            const found = (await own.read('b', stood))!;
            expect(found).toMatchObject({ offset: stood, changedAt: stood, bits });
            const colours = new Uint8Array(35);
            for (const { place, color } of pixels.slice(0, stood - 1)) colours[place] = color;
            expect([...found.bytes]).toEqual([...(await packBitmap(colours, bits as 4 | 8))]);
            expect(await own.read('b', stood + 1)).toBeNull();
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('boards of another epoch, cut short or gone are put there anew, not read', async () => {
    const shape: BoardShape = { board: 'b', width: 4, height: 4, bits: 8 };
    const own = bitmaps('broken:');
    const bytes = async () => new Uint8Array(16).fill(3);
    await own.seed(5, [{ ...shape, changedAt: 4, bytes }]);
    expect((await own.read('b', 5))?.bytes).toEqual(Buffer.alloc(16, 3));
    expect(await bitmaps('broken:', 2).standsAt()).toBeNull();
    await own.seed(3, [{ ...shape, changedAt: 3, bytes: async () => new Uint8Array(16) }]);
    expect((await own.read('b', 5))?.bytes).toEqual(Buffer.alloc(16, 3));

    await connection.send('DEL', 'broken:bitmap:b');
    expect(await own.read('b', 5)).toBeNull();
    const gathered = new GatheredChanges(5, shapesOf(shape));
    gathered.add(placed(shape, 1, 1, 6));
    expect(await own.feed(5, 6, gathered.since(5))).toEqual({ isApplied: false, standsAt: null });
    await own.seed(6, [{ ...shape, changedAt: 6, bytes }]);
    expect((await own.read('b', 6))?.bytes).toEqual(Buffer.alloc(16, 3));
  });

  test('a position that is not folded here yet is read from there', async () => {
    const own = bitmaps('ahead:', 1);
    const stage = new Stage();
    stage.shared = { rateLimits: null, cache: null, boards: own };
    await stage.open();
    const settings = { width: 4, height: 4, palette: COLOURS, cooldownSeconds: 0 };
    await stage.call('PUT', '/v1/boards/main', { body: settings });
    const shape: BoardShape = { board: 'main', width: 4, height: 4, bits: 4 };
    stage.projections.heldAt = stage.log.events.length;
    const { body } = await stage.call('PUT', '/v1/boards/main/pixels/1/0', { body: { color: 3 } });
    const headers = { 'Strata-Min-Position': body.position };
    expect((await stage.call('GET', '/v1/boards/main/bitmap', { headers })).status).toBe(503);

    const gathered = new GatheredChanges(0, shapesOf(shape));
    for (const event of stage.log.events) gathered.add(event);
    await own.seed(0, []);
    await own.feed(0, stage.log.events.length, gathered.since(0));
    const ahead = await stage.call('GET', '/v1/boards/main/bitmap', { headers });
    expect(ahead.headers.get('strata-position')).toBe(body.position);
    stage.projections.heldAt = Number.POSITIVE_INFINITY;
    const folded = await stage.call('GET', '/v1/boards/main/bitmap', { headers });
    expect(ahead.text).toBe(folded.text);
    expect(ahead.headers.get('etag')).toBe(folded.headers.get('etag'));
    expect(ahead.headers.get('cache-control')).toBe(folded.headers.get('cache-control'));
    await stage.close();
  });

  test('bytes that one member made are there for others a while; what could fill Redis is not kept', async () => {
    const [one, two] = [1, 2].map(() => new RedisCache({ connection, keysBegin: 'pictures:' }));
    one!.set('wall', Buffer.from('a picture'), 60);
    await expect.poll(() => two!.get('wall'), { timeout: 10_000 }).toEqual(Buffer.from('a picture'));
    expect(Number(await connection.send('TTL', 'pictures:wall'))).toBeGreaterThan(0);
    expect(await two!.get('another')).toBeNull();
    const large = Buffer.alloc(16 * 1024 * 1024);
    for (let n = 0; n < 6; n += 1) one!.set(`large ${n}`, large, 60);
    one!.set('small', Buffer.from('last'), 60);
    expect(await connection.send('GET', 'pictures:small')).toBe('last');
    expect(await connection.send('KEYS', 'pictures:large*')).toHaveLength(3);
  });

  test('the bitmaps are the boards again after Redis was killed, emptied and flushed under load', async () => {
    const strata = await new ServerFixture().start({ STRATA_CACHE_URL: redis.url });
    const id = (await strata.call('GET', '/v1/log/checkpoint')).body.toString().split('\n')[0].split('/')[1];
    const palettes = { few: COLOURS, many: Array.from({ length: 20 }, (_, at) => `#0000${(at + 16).toString(16)}`) };
    for (const [name, palette] of Object.entries(palettes)) {
      await strata.call('PUT', `/v1/boards/${name}`, { width: 300, height: 77, palette, cooldownSeconds: 0 });
    }
    let over = false;
    let position = '';
    const seed = 7;
    const load = Object.keys(palettes).map(async (name, own) => {
      for (let n = seed; !over; n = (n * 48_271) % 2_147_483_647) {
        const data = { board: name, x: n % 300, y: n % 77, color: (n + own) % palettes[name as 'few'].length };
        ({ position } = (await strata.call('POST', '/v1/commands', { type: 'PlacePixel', data })).body);
      }
    });
    /** The board as Redis shows it, once it stands where the log is now. */
    const shown = async (name: string): Promise<BoardBitmap> => {
      const atLeast = Number(position);
      let found: BoardBitmap | null = null;
      const look = async () => {
        const own = await connect(redis);
        found = await new RedisBitmaps({ connection: own, keysBegin: `strata:{${id}}:`, epoch: 1 }).read(name, atLeast);
        own.close();
        return found;
      };
      await expect.poll(look, { timeout: 20_000 }).not.toBeNull();
      return found!;
    };
    for (const lose of ['nothing', 'kill', 'flush', 'empty'] as const) {
      if (lose === 'flush') {
        const own = await connect(redis);
        await own.send('FLUSHALL');
        own.close();
      } else if (lose !== 'nothing') {
        await redis.kill();
        await redis.restart({ isEmpty: lose === 'empty' });
      }
      const { bytes, offset } = await shown('few');
      const then = await strata.read(`/v1/boards/few/bitmap?asOf=${offset}`);
      expect(bytes.equals(then.body), `after ${lose}`).toBe(true);
    }
    over = true;
    await Promise.all(load);
    for (const name of Object.keys(palettes)) {
      const { body } = await strata.read(`/v1/boards/${name}/bitmap`, position);
      expect((await shown(name)).bytes.equals(body)).toBe(true);
    }
    await strata.stop();
  });
});

function connect({ url }: RedisServer): Promise<RedisConnection> {
  return RedisConnection.open({ address: readRedisUrl(url), commandMsMax: 20_000, report: () => {} });
}

function shapesOf(shape: BoardShape) {
  return { of: () => shape, madeBy: ({ type }: RecordedEvent) => (type === 'BoardCreated' ? shape : null) };
}

function made({ board }: BoardShape): RecordedEvent {
  return { type: 'BoardCreated', data: { board }, offset: 1 } as unknown as RecordedEvent;
}

function placed({ board, width }: BoardShape, place: number, color: number, offset: number): RecordedEvent {
  const data = { board, x: place % width, y: Math.floor(place / width), color };
  // Only what changes are gathered from.
  return { type: 'PixelPlaced', data, offset } as unknown as RecordedEvent;
}
