import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { memoryCooldowns } from '#cache/memory-cooldowns.ts';
import { defineEvent } from '#events/definition.ts';
import { createCodec } from '#events/encoding.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { type EmbeddedLog, openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { errorTable } from '../errors.ts';
import type { Bus } from './bus.ts';
import { catalogue } from './catalogue.ts';
import { createBus } from './command-bus.ts';
import { type Domain, defineCommand, type Reactor } from './domain.ts';
import { ReactorRunner } from './reactor-runner.ts';

// An egg timer: `Wind` is followed by `Ring` at its time, or at once.
const eggErrors = errorTable({ 'egg.deaf': { status: 422, title: 'Nobody hears it' } });
const wound = z.strictObject({ egg: z.string(), ringsAt: z.int().nullable() });
const rung = z.strictObject({ egg: z.string() });
const ringer: Reactor = {
  name: 'ringer',
  react: ({ type, data }) =>
    type === 'Wound' ? [{ type: 'Ring', data: { egg: data.egg! }, dueAt: data.ringsAt as number | null }] : [],
};
const eggs: Domain = {
  name: 'eggs',
  errors: eggErrors,
  events: [defineEvent({ type: 'Wound', schema: wound }), defineEvent({ type: 'Rang', schema: rung })],
  commands: [
    defineCommand({
      type: 'Wind',
      schema: wound,
      roles: ['admin'],
      stream: ({ egg }) => `egg-${egg}`,
      view: null,
      decide: ({ data }) => [{ type: 'Wound', data }],
    }),
    defineCommand({
      type: 'Ring',
      schema: rung,
      roles: ['system'],
      stream: ({ egg }) => `egg-${egg}`,
      view: null,
      decide: ({ data }) => {
        if (data.egg === 'deaf') throw eggErrors.error('egg.deaf', 'it rings in vain');
        return [{ type: 'Rang', data }];
      },
    }),
  ],
  reactors: [ringer],
  projections: [],
  commandRoutes: [],
  uploadRoutes: [],
  queryRoutes: [],
};

const START_MS = 1_700_000_000_000;
let now = START_MS;
let dir: string;
let log: EmbeddedLog;
let bus: Bus;
let reactors: ReactorRunner;
let reports: { readonly [name: string]: string }[];
let closeKeys: () => Promise<void>;

async function start(): Promise<void> {
  const known = catalogue([eggs]);
  log = await openEmbeddedLog({
    dir: join(dir, 'log'),
    codec: createCodec([...known.events.values()]),
    durability: 'fsync',
    report: (message) => expect.unreachable(message),
  });
  const keys = await openSubjectKeys({ dir: join(dir, 'keys') });
  closeKeys = () => keys.close();
  const quiet = { lagMs: () => 0, fault: () => null };
  bus = createBus({
    log,
    catalogue: known,
    keys,
    cooldowns: memoryCooldowns(),
    clock: () => now,
    notBefore: 0,
    ...quiet,
  });
  startReactors();
}

function startReactors(): void {
  reactors = ReactorRunner.start({
    dir: join(dir, 'reactors'),
    log,
    bus,
    reactors: [ringer],
    clock: () => now,
    report: (_, fields) => reports.push(fields),
  });
}

async function stop(): Promise<void> {
  await reactors.close();
  await bus.close();
  await log.close();
  await closeKeys();
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-reactors-'));
  reports = [];
  now = START_MS;
  await start();
});

afterEach(async () => {
  await stop();
  rmSync(dir, { recursive: true, force: true });
});

function wind(egg: string, ringsAt: number | null) {
  const admin = { role: 'admin', account: null, actor: 'admin' } as const;
  return bus.handle({ type: 'Wind', data: { egg, ringsAt }, caller: admin, idempotencyKey: null, expected: null });
}

async function typesOf(egg: string): Promise<string[]> {
  return (await Array.fromAsync(log.readStream(`egg-${egg}`))).map(({ type }) => type);
}

test('what follows at once follows, caused by its event', async () => {
  const { events } = await wind('soft', null);
  await expect.poll(() => typesOf('soft')).toEqual(['Wound', 'Rang']);
  const rang = (await Array.fromAsync(log.readStream('egg-soft'))).at(-1);
  expect(rang).toMatchObject({ actor: 'reactor:ringer', causation: events[0]!.id });
});

test('what is due later waits for its time, also over a restart', async () => {
  await wind('hard', START_MS + 60_000);
  await wind('now', null);
  await expect.poll(() => typesOf('now')).toEqual(['Wound', 'Rang']);
  expect(await typesOf('hard')).toEqual(['Wound']);
  await stop();
  now += 60_000;
  await start();
  await expect.poll(() => typesOf('hard')).toEqual(['Wound', 'Rang']);
});

test('events that come in again have no second effect', async () => {
  await wind('soft', null);
  await expect.poll(() => typesOf('soft')).toEqual(['Wound', 'Rang']);
  await reactors.close();
  rmSync(join(dir, 'reactors'), { recursive: true });
  startReactors();
  await wind('last', null);
  await expect.poll(() => typesOf('last')).toEqual(['Wound', 'Rang']);
  expect(await typesOf('soft')).toEqual(['Wound', 'Rang']);
});

test('what was remembered of another log is forgotten, as where the log was removed', async () => {
  await wind('hard', START_MS + 60_000);
  for (const egg of ['first', 'second']) await wind(egg, null);
  await expect.poll(() => typesOf('second')).toEqual(['Wound', 'Rang']);
  await stop();
  rmSync(join(dir, 'log'), { recursive: true });
  now += 60_000;
  await start();
  await wind('soft', null);
  await expect.poll(() => typesOf('soft')).toEqual(['Wound', 'Rang']);
  expect(await typesOf('hard')).toEqual([]);
});

test('a refusal is reported, and done with', async () => {
  await wind('deaf', null);
  await expect.poll(() => reports).toEqual([{ reactor: 'ringer', command: 'Ring', code: 'egg.deaf' }]);
});

/** A second member's runner: what it sends, and whether it owns all streams or none. */
async function besides(owns: boolean): Promise<{ sent: string[]; close(): Promise<void> }> {
  const sent: string[] = [];
  const runner = ReactorRunner.start({
    dir: join(dir, 'reactors-besides'),
    log: {
      id: log.id,
      epoch: log.epoch,
      head: () => log.head(),
      subscribe: (after) => log.subscribe(after),
      isShared: true,
      partitionOf: () => 0,
      ownerOf: () => (owns ? 'here' : { address: 'http://other' }),
    },
    bus: {
      handle: (request) => {
        sent.push((request.data as { egg: string }).egg);
        return bus.handle(request);
      },
    },
    reactors: [ringer],
    clock: () => now,
    report: (_, fields) => reports.push(fields),
  });
  return { sent, close: () => runner.close() };
}

test('a member leaves to the owner what follows, and forgets what it sees done', async () => {
  const other = await besides(false);
  await wind('soft', null);
  await expect.poll(() => typesOf('soft')).toEqual(['Wound', 'Rang']);
  await wind('deaf', null);
  // Long after, what the owner did is not sent again; what has no effect to be seen is sent by everybody.
  await expect.poll(() => reports).toHaveLength(1);
  await expect
    .poll(() => {
      now += 10_000;
      return other.sent;
    })
    .toEqual(['deaf']);
  await expect.poll(() => reports).toHaveLength(2);
  await other.close();
});

test('what an owner leaves undone is done by another member, once', async () => {
  await reactors.close();
  const other = await besides(false);
  await wind('soft', null);
  await expect
    .poll(() => {
      now += 2_000;
      return typesOf('soft');
    })
    .toEqual(['Wound', 'Rang']);
  expect(other.sent).toEqual(['soft']);
  await other.close();
  startReactors();
  await wind('last', null);
  await expect.poll(() => typesOf('last')).toEqual(['Wound', 'Rang']);
  expect(await typesOf('soft')).toEqual(['Wound', 'Rang']);
});
