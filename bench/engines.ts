import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { openKafkaLog } from '#log/kafka/kafka-log.ts';
import { hasKafka, kafkaBrokers } from '#test/integration/kafka-brokers.ts';
import { BareProducer } from './engines/bare-producer.ts';
import { MemberProcess } from './engines/member-process.ts';
import { codec, type Load, type Measured, Placements } from './engines/placements.ts';
import { type Options, program, type Row } from './load/program.ts';

const ROUNDS = 3;
const BROKERS = 3;
const IN_FLIGHT = [16, 256, 1024];
const PARTITIONS = [1, 4];
/** Instances and partitions that double; with as many callers each. */
const SCALED = [
  { instances: 1, partitions: 1 },
  { instances: 1, partitions: 2 },
  { instances: 2, partitions: 2 },
  { instances: 2, partitions: 4 },
];

// As `npm start` runs it.
const HEAP = '--max-semi-space-size=64';
if (process.execArgv.includes(HEAP)) await measure();
else {
  const args = [HEAP, ...process.execArgv, ...process.argv.slice(1)];
  process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
}

function measure(): Promise<void> {
  return program({
    file: 'bench/engines.ts',
    about:
      'Commands a second (pixels placed, by the bus, without HTTP) and how long an answer takes, on the embedded log and on Kafka\n' +
      'with three brokers on this machine; beside it, in turns, the bare client: kafkajs, idempotent, grouped, one send at a time\n' +
      'a partition, acknowledged by all in-sync copies. `ratio` is of the medians; the goal is 0.5 at 256 in flight. Then what\n' +
      'moves when instances (processes of their own) and partitions double.',
    seconds: 3,
    run,
  });
}

async function run({ seconds, json }: Options): Promise<readonly Row[]> {
  if (!hasKafka()) throw new Error('no Kafka can be started here: npm test says what is missing');
  const tell = (line: string) => json || process.stderr.write(`${line}\n`);
  const rows: Row[] = [];
  for (const inFlight of IN_FLIGHT) {
    tell(`embedded, ${inFlight} in flight`);
    rows.push(row('embedded', 1, 1, inFlight, await embedded({ inFlight, seconds }), null));
  }
  const brokers = await kafkaBrokers(BROKERS);
  try {
    for (const partitions of PARTITIONS) {
      for (const inFlight of IN_FLIGHT) {
        tell(`Kafka, ${partitions} partitions, ${inFlight} in flight`);
        const { ours, bare } = await compared(brokers.url, partitions, { inFlight, seconds });
        rows.push(row('kafka', 1, partitions, inFlight, ours, bare));
      }
    }
    for (const { instances, partitions } of SCALED) {
      tell(`Kafka, ${instances} instances, ${partitions} partitions`);
      const measured = await instancesOf(brokers.url, instances, partitions, { inFlight: 256, seconds });
      rows.push(row('kafka, processes', instances, partitions, 256 * instances, measured, null));
    }
  } finally {
    await brokers.stop();
  }
  return rows;
}

function row(
  engine: string,
  instances: number,
  partitions: number,
  inFlight: number,
  ours: Measured,
  bare: Measured | null,
): Row {
  return {
    engine,
    instances,
    partitions,
    'in flight': inFlight,
    'commands/s': Math.round(ours.perSecond),
    'p50 ms': rounded(ours.p50Ms),
    'p99 ms': rounded(ours.p99Ms),
    'bare/s': bare === null ? null : Math.round(bare.perSecond),
    'bare p50 ms': bare === null ? null : rounded(bare.p50Ms),
    'bare p99 ms': bare === null ? null : rounded(bare.p99Ms),
    ratio: bare === null ? null : Math.round((ours.perSecond / bare.perSecond) * 100) / 100,
  };
}

async function embedded(load: Load): Promise<Measured> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-engines-'));
  const log = await openEmbeddedLog({ dir: join(dir, 'log'), codec, durability: 'fsync', report: console.error });
  const placements = await Placements.open(log, join(dir, 'keys'));
  await placements.createBoard();
  placements.ownTiles();
  const measured = await rounds([() => placements.measure(load)]);
  await placements.close();
  await log.close();
  rmSync(dir, { recursive: true });
  return measured[0]!;
}

async function compared(brokers: string, partitions: number, load: Load): Promise<{ ours: Measured; bare: Measured }> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-engines-'));
  const name = `bench-${partitions}-${load.inFlight}-${process.pid}`;
  const log = await openKafkaLog({
    url: `${brokers}/${name}?partitions=${partitions}`,
    dir: join(dir, 'replica'),
    codec,
    address: null,
    create: true,
    report: console.error,
  });
  const owned = () => Array.from({ length: partitions }, (_, at) => log.ownerOf(at)).every((owner) => owner === 'here');
  while (!owned()) await new Promise((resolve) => setTimeout(resolve, 20));
  const hosts = brokers.slice('kafka://'.length).split(',');
  const bare = await BareProducer.open(hosts, `${name}-bare`, partitions, BROKERS);
  const placements = await Placements.open(log, join(dir, 'keys'));
  await placements.createBoard();
  placements.ownTiles();
  const [ours, theirs] = await rounds([() => placements.measure(load), () => bare.measure(load)]);
  await placements.close();
  await bare.close();
  await log.close();
  rmSync(dir, { recursive: true });
  return { ours: ours!, bare: theirs! };
}

/** All sides in turns, so that what else the machine does meets them alike; of each the median round. A first one warms up. */
async function rounds(sides: readonly (() => Promise<Measured>)[]): Promise<readonly Measured[]> {
  const measured: Measured[][] = sides.map(() => []);
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [at, side] of sides.entries()) {
      const outcome = await side();
      if (round > 0) measured[at]!.push(outcome);
    }
  }
  return measured.map((all) => all.toSorted((a, b) => a.perSecond - b.perSecond)[all.length >> 1]!);
}

/** What processes of their own do together: their rates added, the worst of their latencies. */
async function instancesOf(brokers: string, instances: number, partitions: number, load: Load): Promise<Measured> {
  const url = `${brokers}/scaled-${instances}-${partitions}-${process.pid}?partitions=${partitions}`;
  const members: MemberProcess[] = [];
  for (let at = 0; at < instances; at += 1) members.push(new MemberProcess(url, partitions / instances, load));
  let all: Measured[];
  try {
    await Promise.all(members.map((member) => member.line('ready')));
    for (const member of members) member.begin();
    all = await Promise.all(members.map(async (member) => JSON.parse(await member.line('{')) as Measured));
  } catch (error) {
    for (const member of members) member.end();
    throw error;
  }
  await Promise.all(members.map((member) => member.ended));
  return {
    perSecond: all.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p50Ms: Math.max(...all.map(({ p50Ms }) => p50Ms)),
    p99Ms: Math.max(...all.map(({ p99Ms }) => p99Ms)),
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
