import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { kafkaClient } from '#log/kafka/client.ts';
import { prepareTopics } from '#log/kafka/topics.ts';
import { kafkaSettings } from '#log/kafka/url.ts';
import { hasKafka, sharedKafka } from './kafka-brokers.ts';

async function prepare(url: string, create = true) {
  const settings = kafkaSettings(url);
  return prepareTopics(await kafkaClient(settings), settings, { create });
}

describe.skipIf(!hasKafka())('topics (skipped without Kafka)', () => {
  let kafka: string;

  beforeAll(async () => {
    kafka = await sharedKafka();
  }, 60_000);

  /** The URL of topics that are not there yet. */
  const fresh = (query = '') => `${kafka}/test-${randomBytes(6).toString('hex')}${query}`;

  test('what is missing is made, once', async () => {
    const url = fresh('?partitions=3');
    const { topic } = kafkaSettings(url);
    const made = [topic, `${topic}.order`];
    const topics = { topic, orderTopic: `${topic}.order`, partitions: 3 };
    expect(await prepare(url)).toEqual({ ...topics, made });
    expect(await prepare(url)).toEqual({ ...topics, made: [] });
    expect(await prepare(url.replace('?partitions=3', ''), false)).toEqual({ ...topics, made: [] });
  });

  test('several members make them at once', async () => {
    const url = fresh();
    const all = await Promise.all([prepare(url), prepare(url), prepare(url)]);
    expect(all.flatMap(({ made }) => made).sort()).toEqual([all[0]!.topic, all[0]!.orderTopic]);
  });

  test('they are not made where that is not wished', async () => {
    const url = fresh();
    const { topic } = kafkaSettings(url);
    await expect(prepare(url, false)).rejects.toMatchObject({
      code: 'engine.misconfigured',
      message: expect.stringContaining(`has no topic ${topic}, ${topic}.order: make them with strata init`),
    });
  });

  test('every wrong setting is told at once', async () => {
    const url = fresh();
    const { topic } = kafkaSettings(url);
    const admin = (await kafkaClient(kafkaSettings(url))).admin();
    await admin.connect();
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'retention.ms', value: '1000' },
    ];
    await admin.createTopics({
      topics: [
        { topic, numPartitions: 2, configEntries },
        { topic: `${topic}.order`, numPartitions: 2, configEntries: [{ name: 'retention.ms', value: '-1' }] },
      ],
    });
    await admin.disconnect();
    const error = await prepare(`${url}?partitions=4`).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'engine.misconfigured' });
    expect(error.errors).toEqual([
      { path: `${topic} partitions`, message: 'is 2 and must be 4' },
      { path: `${topic} cleanup.policy`, message: 'is compact and must be delete' },
      { path: `${topic} retention.ms`, message: 'is 1000 and must be -1' },
      { path: `${topic} max.message.bytes`, message: 'is 1048588 and must be 1572864 or more' },
      { path: `${topic}.order partitions`, message: 'is 2 and must be 1' },
      { path: `${topic}.order max.message.bytes`, message: 'is 1048588 and must be 1572864 or more' },
    ]);
  });

  test('brokers that are not there', { timeout: 60_000 }, async () => {
    const told: string[] = [];
    const settings = kafkaSettings('kafka://127.0.0.1:1');
    const client = await kafkaClient(settings, { report: (line) => told.push(line) });
    await expect(prepareTopics(client, settings, { create: true })).rejects.toMatchObject({
      code: 'engine.unavailable',
      message: expect.stringContaining('kafka://127.0.0.1:1/strata does not answer'),
    });
    expect(told[0]).toMatch(/^kafka: .*ECONNREFUSED/);
    expect(told).toEqual([...new Set(told)]);
  });
});
