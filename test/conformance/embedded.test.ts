import { eventLogSuite } from './event-log.suite.ts';
import { openLog, tempFolder } from './open-log.ts';

eventLogSuite('the embedded log', {
  async create(clock) {
    const dir = tempFolder();
    // Small segments, so that every test crosses some.
    return { open: () => openLog(dir, { clock, segmentBytesMax: 16 * 1024 }) };
  },
  skip: [],
});

eventLogSuite('the embedded log, synced by the operating system', {
  async create(clock) {
    const dir = tempFolder();
    return { open: () => openLog(dir, { clock, durability: 'os', indexIntervalMs: 1 }) };
  },
  skip: [],
});
