import { describe } from 'vitest';
import { hasKafka, sharedKafka } from '../integration/kafka-brokers.ts';
import { openMember, ownsAll, topicUrl } from '../integration/kafka-members.ts';
import { eventLogSuite } from './event-log.suite.ts';
import { tempFolder } from './open-log.ts';

describe.skipIf(!hasKafka())('on Kafka (skipped where none can be had)', () => {
  for (const partitions of [1, 3]) {
    eventLogSuite(`the log on Kafka, ${partitions} partitions`, {
      async create(clock) {
        const url = topicUrl(await sharedKafka(), partitions);
        const dir = tempFolder();
        return {
          async open() {
            const log = await openMember({ url, dir, clock });
            await ownsAll(log, partitions);
            return log;
          },
        };
      },
      skip:
        partitions === 1
          ? []
          : [
              {
                reason: 'partitions are written to side by side, and the order between them is given afterwards',
                tests: ['revisions count from 0 within a stream, and offsets rise'],
              },
            ],
    });
  }
});
