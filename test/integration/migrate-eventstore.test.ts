import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { EventStoreDouble } from '#test/eventstore-double/eventstore-double.ts';
import { strata as run } from './cli-terminal.ts';
import { hasS3Server, S3_ENV, S3Server } from './s3-server.ts';
import { ServerFixture } from './server-fixture.ts';
import { recallHistory, tellHistory } from './told-history.ts';

const MORE_PIXELS = 400;

const s3 = new S3Server();
let dir: string;
let double: EventStoreDouble;
let strata: ServerFixture;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-migrated-'));
  for (const [name, value] of Object.entries(S3_ENV)) vi.stubEnv(name, value);
  if (hasS3Server()) await s3.start();
  double = await EventStoreDouble.start();
  strata = await new ServerFixture().start();
}, 60_000);

afterAll(async () => {
  double.stop();
  await s3.stop();
  vi.unstubAllEnvs();
  for (const folder of [dir, strata.dir]) rmSync(folder, { recursive: true, force: true });
});

async function told(...args: string[]) {
  const { code, out, err } = await run({ STRATA_DATA_DIR: strata.dir }, 'migrate', ...args, '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out);
}

/** `strata migrate` in a process of its own, killed once the server has so many events more. */
async function killedAfter(events: number, ...args: string[]): Promise<void> {
  const count = () => double.file.events.length;
  const before = count();
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'src/cli/main.ts', 'migrate', ...args],
    { env: { ...process.env, STRATA_DATA_DIR: strata.dir }, stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  await vi.waitFor(() => expect(count()).toBeGreaterThan(before + events), { timeout: 30_000, interval: 1 });
  child.kill('SIGKILL');
  expect((await ended)[1]).toBe('SIGKILL');
}

const name = 'a log goes to EventStoreDB and a bucket and back, killed on the way, and is what it was';
test.skipIf(!hasS3Server())(
  `${name}${hasS3Server() ? '' : ' (skipped without an S3 server)'}`,
  {
    timeout: 90_000,
  },
  async () => {
    const history = await tellHistory(strata);
    const recalled = await recallHistory(strata, history);
    const pixels = Array.from({ length: MORE_PIXELS }, (_, at) => {
      return { type: 'PlacePixel', data: { board: 'b', x: at % 300, y: 20 + (at % 20), color: at % 16 } };
    });
    const { results } = (await strata.call('POST', '/v1/commands', pixels)).body;
    const { position } = results.at(-1);
    await strata.read('/v1/boards/b', position);
    await strata.server.close();

    const there = ['--to', double.url, '--blobs', s3.url];
    await killedAfter(30, ...there);
    const report = await told(...there);
    expect(report).toMatchObject({ isWhole: true, isMarked: true, position, to: expect.not.stringContaining('tls') });
    expect(report.copied).toBeGreaterThan(0);
    expect(report.copied).toBeLessThan(report.events - 20);
    expect(report.keys).toBeGreaterThan(4);
    expect(report.blobs).toMatchObject({ copied: 0, damaged: [] });

    const back = ['--from', double.url, '--from-blobs', s3.url, '--to', `file:${dir}/log`, '--to-data', dir];
    const again = await told(...back, '--blobs', `file:${dir}/blobs`);
    expect(again).toMatchObject({ isWhole: true, events: report.events + 1, copied: report.events + 1 });
    expect(again).toMatchObject({ keys: report.keys, blobs: { copied: report.blobs.there } });
    expect(again.projections.structures).toEqual(report.projections.structures);

    const server = new ServerFixture();
    await server.start({ STRATA_DATA_DIR: dir });
    try {
      expect(await recallHistory(server, history)).toEqual(recalled);
      const migrations = (await server.read(`/v1/events?after=${position}&limit=2`)).body.items;
      expect(migrations.map(({ data }: { data: object }) => data)).toMatchObject([
        { from: 'embedded', to: 'eventstore', size: report.events, root: report.root },
        { from: 'eventstore', to: 'embedded', size: again.events, root: again.root },
      ]);
    } finally {
      await server.stop();
    }
  },
);
