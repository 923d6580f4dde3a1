import { afterAll, beforeAll, describe } from 'vitest';
import { EventStoreDouble } from '#test/eventstore-double/eventstore-double.ts';
import { hasRedis } from '../integration/redis-server.ts';
import { hasS3Server } from '../integration/s3-server.ts';
import { endToEndSuite } from './end-to-end.suite.ts';
import { SharedEngines } from './shared-engines.ts';

const missing = [!hasRedis() && 'Redis', !hasS3Server() && 'S3'].filter(Boolean);
const reason = missing.length > 0 ? ` (no ${missing.join(', no ')} here)` : '';

describe.skipIf(missing.length > 0)(`EventStoreDB, Redis and S3${reason}`, () => {
  const engines = new SharedEngines();
  let double: EventStoreDouble;
  beforeAll(async () => {
    double = await EventStoreDouble.start();
    await engines.start();
  }, 60_000);
  afterAll(() => Promise.all([engines.stop(), double.stop()]));

  endToEndSuite("EventStoreDB's double, Redis and S3", (part) =>
    engines.settings(`${double.url}&prefix=${engines.run}-${part}.`, part),
  );
});
