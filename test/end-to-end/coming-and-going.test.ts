import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasKafka, sharedKafka } from '../integration/kafka-brokers.ts';
import { hasRedis } from '../integration/redis-server.ts';
import { hasS3Server } from '../integration/s3-server.ts';
import { type Answer, ServerFixture } from '../integration/server-fixture.ts';
import { SharedEngines } from './shared-engines.ts';

const missing = [!hasKafka() && 'Kafka', !hasRedis() && 'Redis', !hasS3Server() && 'S3'].filter(Boolean);
const WITHIN = { timeout: 20_000, interval: 20 };

describe.skipIf(missing.length > 0)(
  `instances that come and go on Kafka, Redis and S3${missing.length > 0 ? ` (no ${missing.join(', no ')} here)` : ''}`,
  () => {
    const engines = new SharedEngines();
    let kafka = '';
    let part = 0;
    let running: ServerFixture[] = [];

    beforeAll(async () => {
      kafka = await sharedKafka();
      await engines.start();
    }, 60_000);
    afterAll(() => engines.stop());
    beforeEach(() => {
      part += 1;
      running = [];
    });
    afterEach(async () => {
      for (const fixture of running) await fixture.stop();
    }, 60_000);

    async function start(env: { readonly [name: string]: string } = {}): Promise<ServerFixture> {
      const url = `${kafka}/coming-${engines.run}-${part}?partitions=3`;
      const fixture = await new ServerFixture(() => engines.settings(url, `coming-${part}`)).start(env);
      running.push(fixture);
      return fixture;
    }

    async function takes(fixture: ServerFixture, account: string): Promise<void> {
      await expect.poll(async () => (await open(fixture, account)).status, WITHIN).toBe(201);
    }

    test('an instance that stops answers what it is asked until the end, and the other takes over', async () => {
      const a = await start();
      await takes(a, 'acme');
      await grant(a, 'acme', 100_000);
      const b = await start();
      await expect.poll(async () => (await b.call('GET', '/v1/accounts/acme')).status, WITHIN).toBe(200);
      let isOver = false;
      const answers: Answer[] = [];
      const client = async (name: number) => {
        for (let each = 0; !isOver; each += 1) {
          const key = { 'Idempotency-Key': `${name}/${each}` };
          answers.push(await b.call('POST', '/v1/accounts/acme/debits', { amount: 1, operation: 'pin' }, key));
        }
      };
      const clients = Promise.all(Array.from({ length: 8 }, (_, name) => client(name)));
      await expect.poll(() => answers.length, WITHIN).toBeGreaterThan(50);
      running = running.filter((each) => each !== a);
      await a.stop();
      const sofar = answers.length;
      await expect.poll(() => answers.length, WITHIN).toBeGreaterThan(sofar + 50);
      isOver = true;
      await clients;
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
      const last = Math.max(...answers.map(({ body }) => Number(body.position)));
      const { body } = await b.read('/v1/accounts/acme', String(last));
      expect(body.spent).toBe(answers.length);
    }, 90_000);

    test('roles: one serves the API, the other owns, folds and reacts', async () => {
      const api = await start({ STRATA_ROLES: 'api' });
      const owner = await start({ STRATA_ROLES: 'projector,worker' });
      await takes(api, 'acme');
      const { body } = await grant(api, 'acme', 5, { expiresAt: new Date(Date.now() + 1500).toISOString() });
      await api.read('/v1/accounts/acme', body.position);
      // What is due is written by the one that owns the account.
      await expect
        .poll(async () => (await api.call('GET', '/v1/accounts/acme')).body, WITHIN)
        .toMatchObject({ available: 0, expired: 5 });
      expect((await owner.call('GET', '/v1/accounts/acme')).status).toBe(404);
      expect((await owner.call('GET', '/v1/live')).status).toBe(404);
      for (const each of [api, owner]) {
        expect((await each.call('GET', '/healthz')).status).toBe(200);
        await expect.poll(async () => (await each.call('GET', '/readyz')).status, WITHIN).toBe(200);
      }
      expect((await owner.call('POST', '/v1/cluster/commands', { commands: [] })).body.code).toBe('cluster.refused');
    }, 90_000);

    test('the first admin key is made by one of them, once', async () => {
      const [a, b] = await Promise.all([start({ STRATA_ADMIN_KEY: '' }), start({ STRATA_ADMIN_KEY: '' })]);
      const keys = [a, b].map(({ server }) => server.adminKey).filter((key) => key !== null);
      expect(keys).toHaveLength(1);
      const answer = await a.call('GET', '/v1/accounts', undefined, { Authorization: `Bearer ${keys[0]}` });
      expect(answer.status).toBe(200);
    }, 90_000);
  },
);

function open(fixture: ServerFixture, account: string): Promise<Answer> {
  return fixture.call('POST', '/v1/accounts', { account });
}

function grant(fixture: ServerFixture, account: string, amount: number, more: object = {}): Promise<Answer> {
  return fixture.call('POST', `/v1/accounts/${account}/grants`, { amount, ...more });
}
