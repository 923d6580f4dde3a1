import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { strata } from './cli-terminal.ts';
import { hasKafka, sharedKafka } from './kafka-brokers.ts';
import { hasOwnS3Server, S3_ENV, S3Server } from './s3-server.ts';

test('an embedded log and blobs on the disk have nothing to be made', async () => {
  const { code, out } = await strata({ STRATA_LOG_URL: 'file:./log' }, 'init');
  expect([code, out]).toEqual([0, expect.stringContaining('nothing to make')]);
  expect(JSON.parse((await strata({}, 'init', '--json')).out)).toEqual({ log: null, blobs: null });
});

test('nothing is made when one of the URLs is wrong', async () => {
  const ran = await strata({}, 'init', '--log', 'kafka://127.0.0.1:1?partitions=none', '--blobs', 's3://b');
  expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('needs partitions from 1 to 1024')]);
  const other = await strata({}, 'init', '--log', 'kafka://127.0.0.1:1', '--blobs', 's3://b?colour=red');
  expect([other.code, other.err]).toEqual([1, expect.stringContaining('is not s3://BUCKET')]);
});

describe.skipIf(!hasKafka() || !hasOwnS3Server())('topics and a bucket (skipped without Kafka or own S3)', () => {
  const s3 = new S3Server();
  let kafka: string;

  beforeAll(async () => {
    for (const [name, value] of Object.entries(S3_ENV)) vi.stubEnv(name, value);
    await s3.start();
    kafka = await sharedKafka();
  }, 60_000);

  afterAll(async () => {
    await s3.stop();
    vi.unstubAllEnvs();
  });

  test('are made, and are there the next time', async () => {
    const name = `test-${randomBytes(6).toString('hex')}`;
    const env = {
      STRATA_LOG_URL: `${kafka}/${name}?partitions=3`,
      STRATA_BLOBS_URL: `s3://${name}?endpoint=${encodeURIComponent(s3.endpoint)}`,
    };
    expect(await strata(env, 'init')).toEqual({
      code: 0,
      out: `made  topic ${name} with 3 partitions\nmade  topic ${name}.order with 1 partition\nmade  bucket ${name}\n`,
      err: '',
    });
    const again = await strata(env, 'init', '--json');
    expect(JSON.parse(again.out)).toEqual({
      log: { topics: [name, `${name}.order`].map((topic) => ({ name: topic, made: false })), partitions: 3 },
      blobs: { bucket: name, made: false },
    });
    const other = await strata(env, 'init', '--log', `${kafka}/${name}?partitions=2`);
    expect([other.code, other.err]).toEqual([1, expect.stringContaining(`${name} partitions is 3 and must be 2`)]);
  });
});
