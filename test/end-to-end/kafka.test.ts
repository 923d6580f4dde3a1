import { afterAll, beforeAll, describe } from 'vitest';
import { hasKafka, sharedKafka } from '../integration/kafka-brokers.ts';
import { hasRedis } from '../integration/redis-server.ts';
import { hasS3Server } from '../integration/s3-server.ts';
import { endToEndSuite } from './end-to-end.suite.ts';
import { SharedEngines } from './shared-engines.ts';

const missing = [!hasKafka() && 'Kafka', !hasRedis() && 'Redis', !hasS3Server() && 'S3'].filter(Boolean);

describe.skipIf(missing.length > 0)(
  `Kafka, Redis and S3${missing.length > 0 ? ` (no ${missing.join(', no ')} here)` : ''}`,
  () => {
    const engines = new SharedEngines();
    let kafka = '';
    beforeAll(async () => {
      kafka = await sharedKafka();
      await engines.start();
    }, 60_000);
    afterAll(() => engines.stop());

    endToEndSuite('Kafka, Redis and S3', (part) =>
      engines.settings(`${kafka}/e2e-${engines.run}-${part}?partitions=3`, part),
    );
  },
);
