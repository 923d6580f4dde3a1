import { expect, test } from 'vitest';
import { readConfig } from './config.ts';
import { requireEngineUrls } from './engine-urls.ts';

const SHARED = { STRATA_CLUSTER_SECRET: 'a-secret-of-the-members' };

test('what is wrong with the URLs of engines is told at once', async () => {
  const config = readConfig({
    ...SHARED,
    STRATA_LOG_URL: 'kafka://ada:hunter2@127.0.0.1:9092/strata?partitions=0&colour=red',
    STRATA_BLOBS_URL: 's3://',
    STRATA_CACHE_URL: 'redis://127.0.0.1/?colour=red',
  });
  const error = await requireEngineUrls(config).then(
    () => expect.unreachable(),
    (refusal) => refusal,
  );
  expect(error.code).toBe('config.invalid');
  const told = error.errors.map(({ path, message }: { path: string; message: string }) => `${path} ${message}`);
  expect(told).toEqual([
    expect.stringContaining('has no setting colour'),
    expect.stringContaining('partitions'),
    expect.stringContaining('sasl='),
    expect.stringMatching(/^STRATA_BLOBS_URL .*s3:\/\/BUCKET/),
    expect.stringMatching(/^STRATA_CACHE_URL .*colour/),
  ]);
  expect(error.message).not.toContain('hunter2');
});

test('URLs that can be read are not in the way', async () => {
  await requireEngineUrls(readConfig({}));
  const shared = { STRATA_BLOBS_URL: 's3://bucket', STRATA_CACHE_URL: 'redis://127.0.0.1' };
  for (const url of ['kafka://127.0.0.1', 'esdb://127.0.0.1:2113?tls=false']) {
    await requireEngineUrls(readConfig({ ...SHARED, ...shared, STRATA_LOG_URL: url }));
  }
});
