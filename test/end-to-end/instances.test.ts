import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { readBoardFrame } from '#live/board-frame.ts';
import { EventStoreDouble } from '#test/eventstore-double/eventstore-double.ts';
import { hasKafka, sharedKafka } from '../integration/kafka-brokers.ts';
import { hasRedis } from '../integration/redis-server.ts';
import { hasS3Server } from '../integration/s3-server.ts';
import { ADMIN_KEY, type Answered, ServerFixture } from '../integration/server-fixture.ts';
import { SharedEngines } from './shared-engines.ts';

const besides = [!hasRedis() && 'Redis', !hasS3Server() && 'S3'];
const missing = (...others: (string | false)[]) => [...others, ...besides].filter(Boolean);
const reason = (lacking: readonly unknown[]) => (lacking.length > 0 ? ` (no ${lacking.join(', no ')} here)` : '');

const withoutKafka = missing(!hasKafka() && 'Kafka');
describe.skipIf(withoutKafka.length > 0)(`two instances on Kafka, Redis and S3${reason(withoutKafka)}`, () => {
  instancesSuite(async (run) => ({
    url: `${await sharedKafka()}/two-${run}?partitions=4`,
    stop: async () => undefined,
  }));
});

const withoutRest = missing();
describe.skipIf(withoutRest.length > 0)(
  `two instances on EventStoreDB's double, Redis and S3${reason(withoutRest)}`,
  () => {
    instancesSuite(async (run) => {
      const double = await EventStoreDouble.start();
      return { url: `${double.url}&prefix=two-${run}.`, stop: async () => double.stop() };
    });
  },
);

/** What two instances on one log, cache and bucket must hold: whichever is asked answers as if there were one. */
function instancesSuite(openLog: (run: string) => Promise<{ url: string; stop(): Promise<void> }>): void {
  const engines = new SharedEngines();
  let log: { url: string; stop(): Promise<void> };
  const settings = () => engines.settings(log.url, 'two');
  const a = new ServerFixture(settings);
  const b = new ServerFixture(settings);

  beforeAll(async () => {
    await engines.start();
    log = await openLog(engines.run);
    await Promise.all([a.start(), b.start()]);
  }, 90_000);
  afterAll(async () => {
    await Promise.all([a.stop(), b.stop()]);
    await Promise.all([log.stop(), engines.stop()]);
  }, 60_000);

  const done = async (server: ServerFixture, method: string, path: string, body?: unknown, headers = {}) => {
    const answer = await server.call(method, path, body, headers);
    expect([200, 201], JSON.stringify(answer.body)).toContain(answer.status);
    return answer.body;
  };

  test('a pixel put on one is seen on the other, by the position that was answered', async () => {
    await done(a, 'PUT', '/v1/boards/wall', { width: 600, height: 600 });
    for (const [index, [here, there]] of [
      [a, b] as const,
      [b, a] as const,
      [a, b] as const,
      [b, a] as const,
    ].entries()) {
      const x = index * 150;
      const placed = await done(here, 'PUT', `/v1/boards/wall/pixels/${x}/599`, { color: index + 1 });
      const seen = await there.read(`/v1/boards/wall/pixels/${x}/599`, placed.position);
      expect(seen.body).toMatchObject({ color: index + 1, position: placed.position });
      const then = await there.read(`/v1/boards/wall/bitmap?asOf=${placed.position}`, placed.position);
      const same = await here.read(`/v1/boards/wall/bitmap?asOf=${placed.position}`);
      expect(same.body.equals(then.body)).toBe(true);
    }
  });

  test('who watches on one hears of what is put on the other, once and in order', async () => {
    const socket = new WebSocket(`${b.url.replace('http', 'ws')}/v1/live`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    const heard: string[] = [];
    const said: Answered[] = [];
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) heard.push(...readBoardFrame(data)!.pixels.map(({ x, color }) => `${x}=${color}`));
      else said.push(JSON.parse(String(data)));
    });
    await new Promise((resolve) => socket.on('open', resolve));
    socket.send(JSON.stringify({ op: 'subscribe', topic: 'boards/wall' }));
    await expect.poll(() => said.map(({ op }) => op)).toContain('subscribed');
    for (let x = 0; x < 20; x += 1) await done(a, 'PUT', `/v1/boards/wall/pixels/${x}/0`, { color: x % 16 });
    await expect.poll(() => heard.length).toBe(20);
    expect(heard).toEqual(Array.from({ length: 20 }, (_, x) => `${x}=${x % 16}`));
    socket.close();
  });

  test('an account that is debited from both at once never goes below zero', async () => {
    await done(a, 'POST', '/v1/accounts', { account: 'acme' });
    await done(b, 'POST', '/v1/accounts/acme/grants', { amount: 100 });
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, each) =>
        (each % 2 === 0 ? a : b).call('POST', '/v1/accounts/acme/debits', { operation: 'upload', amount: 3 }),
      ),
    );
    const accepted = answers.filter(({ status }) => status === 200 || status === 201);
    expect(accepted).toHaveLength(33);
    for (const { status, body } of answers) {
      if (![200, 201].includes(status)) expect(body.code).toBe('credits.insufficient');
    }
    const last = String(Math.max(...accepted.map(({ body }) => Number(body.position))));
    for (const server of [a, b]) {
      expect((await server.read('/v1/accounts/acme', last)).body).toMatchObject({ available: 1, spent: 99 });
    }
    const revisions = accepted.map(({ body }) => body.revision).sort((one, other) => one - other);
    expect(new Set(revisions).size).toBe(33);
  });

  test('a key is one effect, whichever instance it is sent to', async () => {
    const debit = (server: ServerFixture) =>
      server.call('POST', '/v1/accounts/acme/grants', { amount: 7 }, { 'Idempotency-Key': 'grant-7' });
    const answers = await Promise.all([debit(a), debit(b), debit(a), debit(b)]);
    expect(new Set(answers.map(({ body }) => body.position)).size).toBe(1);
    const { position } = answers[0]!.body;
    expect((await b.read('/v1/accounts/acme', position)).body).toMatchObject({ granted: 107 });
  });

  test('a key that is issued on one opens the other, and personal fields are read on both', async () => {
    const secret = (await done(a, 'POST', '/v1/accounts/acme/keys', {})).secret;
    const as = { Authorization: `Bearer ${secret}` };
    await expect.poll(async () => (await b.call('GET', '/v1/accounts/acme', undefined, as)).status).toBe(200);
    const picture = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    const added = await done(b, 'POST', '/v1/photos', picture, { 'Content-Type': 'image/png', ...as });
    const edited = await done(a, 'PATCH', `/v1/photos/${added.photo}`, { set: { title: 'Peak' } }, as);
    for (const server of [a, b]) {
      expect((await server.read(`/v1/photos/${added.photo}`, edited.position, as)).body.title).toBe('Peak');
      expect((await server.read(`/v1/photos/${added.photo}/original`, edited.position, as)).body).toEqual(picture);
    }
    const erased = await done(b, 'POST', `/v1/photos/${added.photo}/erase`, undefined, as);
    for (const server of [a, b]) {
      expect((await server.read(`/v1/photos/${added.photo}`, erased.position, as)).status).toBe(410);
    }
  });

  test('both have one log, one tree, and the same state at every position', async () => {
    const head = (await a.read('/v1/refs')).headers.get('strata-position')!;
    const events = async (server: ServerFixture) => (await server.read('/v1/events?limit=1000', head)).body.items;
    // An erased photo's key is destroyed on each of them by itself.
    await expect.poll(async () => isDeepStrictEqual(await events(b), await events(a))).toBe(true);
    for (let position = 1; position <= Number(head); position += 7) {
      const at = async (server: ServerFixture, path: string) =>
        (await server.read(`${path}?asOf=${position}`, head)).body;
      for (const path of ['/v1/accounts', '/v1/boards/wall/bitmap', '/v1/photos']) {
        expect(isDeepStrictEqual(await at(b, path), await at(a, path)), `${path} at ${position}`).toBe(true);
      }
    }
  });

  test('one that ends leaves its partitions to the other, within seconds', async () => {
    await b.server.close();
    for (let x = 0; x < 600; x += 100) await done(a, 'PUT', `/v1/boards/wall/pixels/${x}/300`, { color: 9 });
    await done(a, 'POST', '/v1/accounts/acme/debits', { operation: 'pin', amount: 1 });
    await b.start();
    const placed = await done(b, 'PUT', '/v1/boards/wall/pixels/599/300', { color: 9 });
    expect((await a.read('/v1/boards/wall/pixels/599/300', placed.position)).body).toMatchObject({ color: 9 });
  });
}
