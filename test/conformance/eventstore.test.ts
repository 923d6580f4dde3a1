import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { openEventStoreLog } from '#log/eventstore/eventstore-log.ts';
import { EventStoreDouble } from '#test/eventstore-double/eventstore-double.ts';
import { eventLogSuite, type Skip } from './event-log.suite.ts';
import { tempFolder } from './open-log.ts';
import { sampleCodec } from './sample-events.ts';

const sideBySide: Skip = {
  reason: 'different streams are appended side by side, and the server gives them their order',
  tests: ['revisions count from 0 within a stream, and offsets rise'],
};

eventLogSuite('the log on EventStoreDB, which a double stands in for,', {
  async create(clock) {
    const double = await EventStoreDouble.start({ clock });
    onTestFinished(() => double.stop());
    const dir = tempFolder();
    return { open: () => openEventStoreLog({ url: double.url, dir, codec: sampleCodec, create: true }) };
  },
  skip: [sideBySide],
});

const realUrl = process.env.STRATA_TEST_ESDB_URL;

if (realUrl !== undefined) {
  eventLogSuite('the log on the EventStoreDB that STRATA_TEST_ESDB_URL names', {
    async create() {
      const prefix = `test-${randomBytes(8).toString('hex')}.`;
      const url = `${realUrl}${realUrl.includes('?') ? '&' : '?'}prefix=${prefix}`;
      const dir = tempFolder();
      return { open: () => openEventStoreLog({ url, dir, codec: sampleCodec, create: true }) };
    },
    skip: [
      sideBySide,
      {
        reason: 'the time is that of the server, which no test can set',
        tests: [
          'the clock may go back and recordedAt does not',
          'a time is the position of the last event recorded by then',
          'imported events keep their ids, revisions and times',
        ],
      },
    ],
  });
}
