import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { EmbeddedLog, EmbeddedLogOptions } from '#log/embedded/embedded-log.ts';
import type { Write } from '#log/event-log.ts';
import { isStrataError } from '#src/errors.ts';
import { openLog } from '../conformance/open-log.ts';
import { note, point, SAMPLE_AT_MS } from '../conformance/sample-events.ts';
import { Expectations } from './expectations.ts';
import { Random } from './random.ts';
import { SimulatedDisk } from './simulated-disk.ts';

const SEEDS = 150;
/** One that found an end mark which the disk did not have, under a segment that rests on it. */
const FOUND = [1365767135];
/** `STRATA_SIMULATION_SEED=<seed>` runs that seed alone. */
const ONLY_SEED = process.env.STRATA_SIMULATION_SEED;
/** The simulated disk keeps its own accounts of what is synced: the machine's need not be waited for. */
const PARENT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const STREAMS = 4;
/** More than a group takes, so that one write to the disk has several. */
const GROUP_BYTES = 50_000;

for (const durability of ['fsync', 'os'] as const) {
  test(`a log on a disk that fails and crashes keeps its word (durability ${durability})`, {
    timeout: 60_000,
  }, async () => {
    const seeds = Random.fresh();
    for (let run = 0; run < (ONLY_SEED === undefined ? SEEDS : 1); run += 1) {
      const seed = ONLY_SEED === undefined ? (FOUND[run] ?? seeds.below(2 ** 32)) : Number(ONLY_SEED);
      await simulate(new Random(seed), durability).catch((cause) => {
        throw new Error(`durability ${durability}, seed ${seed}: ${cause}`, { cause });
      });
    }
  });
}

type World = {
  readonly random: Random;
  readonly disk: SimulatedDisk;
  readonly expectations: Expectations;
  readonly options: Partial<EmbeddedLogOptions>;
  readonly dir: string;
  nowMs: number;
};

/** Some lives of one log, each ended by a close, a kill or a power loss. */
async function simulate(random: Random, durability: 'fsync' | 'os'): Promise<void> {
  const dir = mkdtempSync(join(PARENT, 'strata-simulation-'));
  const disk = new SimulatedDisk(random, dir);
  const world: World = {
    random,
    disk,
    dir,
    expectations: new Expectations(),
    nowMs: SAMPLE_AT_MS,
    options: {
      disk,
      durability,
      clock: () => world.nowMs,
      segmentBytesMax: random.pick([1000, 8000, 64_000]),
      indexIntervalMs: random.pick([1, 1000]),
    },
  };
  try {
    const lives = 1 + random.below(4);
    for (let life = 0; life < lives; life += 1) await live(world, durability);
    // On a disk that works, the log does.
    const log = await openLog(dir, world.options);
    await world.expectations.check(log);
    const write = { ...someWrite(world, log), expected: 'any' as const };
    world.expectations.handedOver(write);
    expect(await log.append([write])).toMatchObject([{ ok: true }]);
    expect(log.fault()).toBeNull();
    await log.close();
    const again = await openLog(dir, world.options);
    await world.expectations.check(again);
    await again.close();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function live(world: World, durability: 'fsync' | 'os'): Promise<void> {
  const { random, disk, expectations } = world;
  disk.crashesIn = random.chance(0.8) ? 1 + random.below(60) : Number.POSITIVE_INFINITY;
  disk.faultRate = random.pick([0, 0, 0.05, 0.3]);
  const log = await openSomehow(world);
  if (log !== null) {
    if (!disk.hasCrashed) await expectations.check(log);
    for (let burst = random.below(12); burst > 0 && !disk.hasCrashed; burst -= 1) await append(world, log);
    if (random.chance(0.5)) {
      await log.settled();
      if (!disk.hasCrashed) await expectations.check(log);
    }
    // Without a close there is a crash: from here on nothing reaches the disk, and the close only frees the folder.
    if (!disk.hasCrashed && random.chance(0.7)) disk.crashesIn = 0;
    await log.close();
  }
  if (random.chance(0.5)) return disk.restart();
  disk.losePower();
  if (durability === 'fsync') return;
  const survivor = await openLog(world.dir, world.options);
  expectations.mayHaveLostAfter(survivor.headOffset());
  await survivor.close();
}

/** Opens the log on the failing disk, or says that it could not be: never that what the disk did is damage. */
async function openSomehow({ dir, options, disk }: World): Promise<EmbeddedLog | null> {
  try {
    return await openLog(dir, options);
  } catch (error) {
    if (isStrataError(error, 'log.corrupt')) throw error;
    if (disk.hasCrashed) return null;
  }
  disk.faultRate = 0;
  return openLog(dir, options).catch((error) => {
    if (disk.hasCrashed && !isStrataError(error, 'log.corrupt')) return null;
    throw error;
  });
}

/** Some calls at once, of which the next burst may find some unanswered. */
async function append(world: World, log: EmbeddedLog): Promise<void> {
  const { random, disk, expectations } = world;
  if (random.chance(0.2)) disk.faultRate = random.pick([0, 0, 0.3, 0.9]);
  world.nowMs += random.pick([0, 1, 500, -20_000, 60_000]);
  const calls = Array.from({ length: 1 + random.below(3) }, async () => {
    const writes = Array.from({ length: 1 + random.below(3) }, () => someWrite(world, log));
    for (const write of writes) expectations.handedOver(write);
    const results = await log.append(writes);
    // The process is dead: nobody hears this.
    if (disk.hasCrashed) return;
    results.forEach((result, at) => {
      if (result.ok) expectations.acknowledged(result.events);
      else if (result.error.code !== 'command.outcome-unknown') expectations.refusedFor(writes[at]!);
    });
  });
  if (random.chance(0.8)) await Promise.all(calls);
  else await setImmediate();
}

function someWrite({ random }: World, log: EmbeddedLog): Write {
  const stream = `s-${random.below(STREAMS)}`;
  const last = log.lastRevision(stream);
  const expected = random.pick(['any', last === -1 ? 'none' : last, 'none', 0] as const);
  const events = Array.from({ length: 1 + random.below(3) }, () =>
    random.chance(0.5)
      ? point(random.below(256), random.below(256))
      : note('n'.repeat(random.below(random.chance(0.1) ? GROUP_BYTES : 3000))),
  );
  return { stream, expected: random.chance(0.8) ? 'any' : expected, events };
}
