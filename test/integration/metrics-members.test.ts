import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SharedEngines } from '../end-to-end/shared-engines.ts';
import { hasKafka, sharedKafka } from './kafka-brokers.ts';
import { readMetrics, type Told, valueIn } from './metrics-text.ts';
import { hasRedis } from './redis-server.ts';
import { hasS3Server } from './s3-server.ts';
import { ServerFixture } from './server-fixture.ts';

const isThere = hasKafka() && hasRedis() && hasS3Server();

describe.skipIf(!isThere)('two members of a log on Kafka (with Kafka, Redis and S3)', () => {
  const engines = new SharedEngines();
  let kafka = '';
  const settings = () => engines.settings(`${kafka}/metrics-${engines.run}?partitions=3`, 'metrics');
  const members = [new ServerFixture(settings), new ServerFixture(settings)] as const;
  const scrape = async (member: ServerFixture): Promise<Told[]> =>
    readMetrics((await member.call('GET', '/metrics')).body.toString());

  beforeAll(async () => {
    kafka = await sharedKafka();
    await engines.start();
    for (const member of members) await member.start();
  }, 90_000);
  afterAll(async () => {
    for (const member of members) await member.stop();
    await engines.stop();
  });

  test('own all partitions between them, by a lease that holds', async () => {
    await expect
      .poll(
        async () => {
          const told = await Promise.all(members.map(scrape));
          const owned = told.map((each) => valueIn(each, 'strata_partitions_owned'));
          return { all: owned.reduce((sum, each) => sum + each, 0), hasEach: owned.every((each) => each > 0) };
        },
        { timeout: 30_000 },
      )
      .toEqual({ all: 3, hasEach: true });
    for (const member of members) {
      const told = await scrape(member);
      expect(valueIn(told, 'strata_partitions')).toBe(3);
      expect(valueIn(told, 'strata_lease_seconds')).toBeGreaterThan(0);
      const engine = { log: 'kafka', blobs: 's3', cache: 'redis' };
      expect(valueIn(told, 'strata_build_info', engine)).toBe(1);
    }
  });

  test('read and write the same log, and tell how far they are', async () => {
    const boards = Array.from({ length: 12 }, (_, at) => `board-${at}`);
    const made = await Promise.all(
      boards.map((board) => members[0].call('PUT', `/v1/boards/${board}`, { width: 8, height: 8 })),
    );
    expect(made.map(({ status }) => status)).toEqual(boards.map(() => 201));
    const heads = async () =>
      await Promise.all(members.map(async (member) => valueIn(await scrape(member), 'strata_log_head')));
    await expect.poll(async () => new Set(await heads()).size).toBe(1);
    expect((await heads())[0]).toBeGreaterThanOrEqual(12);
    const [first, second] = await Promise.all(members.map(scrape));
    const accepted = { type: 'CreateBoard', outcome: 'accepted' };
    expect(valueIn(first!, 'strata_commands_total', accepted)).toBe(12);
    expect(valueIn(second!, 'strata_commands_total', accepted)).toBe(0);
    // Twelve names fall on all partitions, and one member has one or two of the three.
    expect(valueIn(first!, 'strata_commands_forwarded_total')).toBeGreaterThan(0);
    expect(valueIn(second!, 'strata_forwarded_batches_received_total')).toBeGreaterThan(0);
    for (const told of [first!, second!]) {
      const lags = told.filter(({ name }) => name === 'strata_replica_lag_records');
      expect(lags.map(({ labels, value }) => [labels.partition, value])).toEqual([
        ['0', 0],
        ['1', 0],
        ['2', 0],
      ]);
    }
    expect(valueIn(first!, 'strata_log_append_duration_seconds_count')).toBeGreaterThan(0);
    expect(valueIn(second!, 'strata_log_append_duration_seconds_count')).toBeGreaterThan(0);
  });
});
