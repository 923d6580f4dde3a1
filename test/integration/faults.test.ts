import { randomInt } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type FaultsOptions, runFaults } from '../faults/faults-run.ts';
import { describeReport } from '../faults/report.ts';
import { missingEngines } from '../faults/stage/stage.ts';

// Short runs of what `node test/faults/run.ts` does for as long as it is told to.

const missing = missingEngines();
const seed = randomInt(2 ** 31);

async function expectAllHolds(options: Pick<FaultsOptions, 'engines' | 'instances' | 'minutes' | 'faults'>) {
  const { report } = await runFaults({ partitions: 4, clients: 12, seed, tell: () => {}, ...options });
  expect(report.ok, describeReport(report)).toBe(true);
  expect(report.faults.length).toBeGreaterThan(0);
}

test(`kill -9 and freezing of an instance on its own folder, under load (seed ${seed})`, { timeout: 120_000 }, () =>
  expectAllHolds({ engines: 'embedded', instances: 1, minutes: 0.1, faults: ['kill-instance', 'pause-instance'] }),
);

describe.skipIf(missing.length > 0)(
  `Kafka with three brokers, Redis and S3${missing.length > 0 ? ` (no ${missing.join(', no ')} of its own here)` : ''}`,
  () => {
    test(
      `kill -9 of an instance, a broker, Redis and S3, and a zombie, under load (seed ${seed})`,
      {
        timeout: 240_000,
      },
      () =>
        expectAllHolds({
          engines: 'kafka',
          instances: 2,
          minutes: 0.4,
          faults: ['kill-instance', 'freeze-instance', 'kill-broker', 'kill-redis', 'kill-s3'],
        }),
    );
  },
);
