import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { memoryCooldowns } from '#cache/memory-cooldowns.ts';
import { defineEvent } from '#events/definition.ts';
import { createCodec } from '#events/encoding.ts';
import type { SubjectKeys } from '#events/sealing.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { type EmbeddedLog, openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { errorTable } from '../errors.ts';
import type { Bus, CommandRequest } from './bus.ts';
import { catalogue } from './catalogue.ts';
import { createBus } from './command-bus.ts';
import { type Domain, defineCommand, type Principal, type View } from './domain.ts';

// A small domain that meets every part of the bus: jars that hold up to their size, with a label that is personal.
const jarErrors = errorTable({
  'jar.full': { status: 422, title: 'The jar is full' },
  'jar.cooling': { status: 429, title: 'The jar cools' },
});

type Jar = { readonly held: number; readonly label: unknown };
const jar: View<Jar> = {
  name: 'jar',
  initial: { held: 0, label: null },
  evolve: (state, { type, data }) => {
    if (type === 'Filled') return { ...state, held: state.held + Number(data.amount) };
    return type === 'Labelled' ? { ...state, label: data.label } : state;
  },
};
const limit: View<number> = {
  name: 'jar.limit',
  initial: 0,
  evolve: (state, { type, data }) => (type === 'LimitSet' ? Number(data.limit) : state),
};

const everyone = ['admin', 'account', 'system'] as const;
const jars: Domain = {
  name: 'jars',
  errors: jarErrors,
  events: [
    defineEvent({ type: 'Filled', schema: z.strictObject({ jar: z.string(), amount: z.int() }) }),
    defineEvent({ type: 'LimitSet', schema: z.strictObject({ limit: z.int() }) }),
    defineEvent({ type: 'Dripped', schema: z.strictObject({ jar: z.string() }) }),
    defineEvent({ type: 'KeyCut', schema: z.strictObject({ key: z.string() }) }),
    defineEvent({
      type: 'Labelled',
      schema: z.strictObject({ jar: z.string(), label: z.string() }),
      personal: ['label'],
      subject: (data) => String(data.jar),
    }),
  ],
  commands: [
    defineCommand({
      type: 'Fill',
      schema: z.strictObject({ jar: z.string(), amount: z.int().min(0) }),
      roles: everyone,
      stream: ({ jar: name }) => `jar-${name}`,
      view: jar,
      references: () => ({ limit: { view: limit, stream: 'limits' } }),
      decide: ({ data }, state, { limit: most }) => {
        if (data.amount === 0) return [];
        if (state.held + data.amount > Number(most)) throw jarErrors.error('jar.full', `holds ${state.held}`);
        return [{ type: 'Filled', data }];
      },
    }),
    defineCommand({
      type: 'SetLimit',
      schema: z.strictObject({ limit: z.int() }),
      roles: ['admin'],
      stream: () => 'limits',
      view: limit,
      decide: ({ data }) => [{ type: 'LimitSet', data }],
    }),
    defineCommand({
      type: 'Drip',
      schema: z.strictObject({ jar: z.string() }),
      roles: everyone,
      stream: ({ jar: name }) => `drip-${name}`,
      view: null,
      admission: ({ jar: name }, _references, caller) => ({
        key: `${name}/${caller.actor}`,
        seconds: 60,
        refusal: (retryAfterSeconds) => jarErrors.error('jar.cooling', 'wait', { retryAfterSeconds }),
      }),
      decide: ({ data }) => [{ type: 'Dripped', data }],
    }),
    defineCommand({
      type: 'Label',
      schema: z.strictObject({ jar: z.string(), label: z.string() }),
      roles: everyone,
      stream: ({ jar: name }) => `jar-${name}`,
      view: jar,
      decide: ({ data }, state) => (state.label === data.label ? [] : [{ type: 'Labelled', data }]),
    }),
    defineCommand({
      type: 'CutKey',
      schema: z.strictObject({}),
      roles: everyone,
      stream: () => 'keys',
      view: jar,
      make: (fresh) => ({ key: fresh.id('key'), secret: fresh.secret().secret }),
      secrets: ['secret'],
      decide: ({ made }) => [{ type: 'KeyCut', data: { key: made.key! } }],
    }),
  ],
  reactors: [],
  projections: [],
  commandRoutes: [],
  uploadRoutes: [],
  queryRoutes: [],
};

const admin: Principal = { role: 'admin', account: null, actor: 'admin' };
const acme: Principal = { role: 'account', account: 'acme', actor: 'account:acme' };

let dir: string;
let log: EmbeddedLog;
let keys: SubjectKeys;
let bus: Bus;
let now = 1_700_000_000_000;

async function start(): Promise<void> {
  const known = catalogue([jars]);
  log = await openEmbeddedLog({
    dir: join(dir, 'log'),
    codec: createCodec([...known.events.values()]),
    durability: 'fsync',
  });
  keys = await openSubjectKeys({ dir: join(dir, 'keys') });
  bus = createBus({
    log,
    catalogue: known,
    keys,
    cooldowns: memoryCooldowns(),
    clock: () => now,
    notBefore: 0,
    lagMs: () => 0,
    fault: () => null,
  });
}

async function stop(): Promise<void> {
  await bus.close();
  await log.close();
  await keys.close();
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-bus-'));
  await start();
});

afterEach(async () => {
  await stop();
  rmSync(dir, { recursive: true, force: true });
});

function send(type: string, data: unknown, more: Partial<CommandRequest> = {}) {
  return bus.handle({ type, data, caller: admin, idempotencyKey: null, expected: null, ...more });
}

async function fails(code: string, sent: Promise<unknown>): Promise<void> {
  await expect(sent).rejects.toMatchObject({ code });
}

async function streamOf(stream: string) {
  return await Array.fromAsync(log.readStream(stream));
}

test('an accepted command answers with its recorded events, its stream and its position', async () => {
  await send('SetLimit', { limit: 10 });
  const accepted = await send('Fill', { jar: 'a', amount: 3 });
  expect(accepted).toMatchObject({ stream: 'jar-a', revision: 0, position: '2', replayed: false });
  expect(accepted.events).toMatchObject([
    { type: 'Filled', offset: 2, at: now, actor: 'admin', data: { jar: 'a', amount: 3 } },
  ]);
});

test('commands on one stream are decided in the order they came, each on the ones before', async () => {
  await send('SetLimit', { limit: 5 });
  const sent = await Promise.allSettled(Array.from({ length: 8 }, () => send('Fill', { jar: 'a', amount: 1 })));
  expect(sent.map(({ status }) => status)).toEqual([...Array(5).fill('fulfilled'), ...Array(3).fill('rejected')]);
  expect((await streamOf('jar-a')).map(({ revision }) => revision)).toEqual([0, 1, 2, 3, 4]);
});

test('what is wrong with a request is refused by name', async () => {
  await fails('command.unknown', send('Smash', {}));
  await fails('request.invalid', send('Fill', { jar: 'a', amount: 'much' }));
  await fails('request.invalid', send('Fill', { jar: 'a', amount: 1, lid: true }));
  await fails('auth.forbidden', send('SetLimit', { limit: 1 }, { caller: acme }));
  await fails('request.invalid', send('Drip', { jar: 'a' }, { idempotencyKey: '' }));
  await fails('jar.full', send('Fill', { jar: 'a', amount: 1 }));
});

test('a reference is read as of what was enqueued before', async () => {
  const limitSet = send('SetLimit', { limit: 1 });
  const filled = send('Fill', { jar: 'a', amount: 1 });
  await Promise.all([limitSet, filled]);
});

test('a named revision must be the stream’s', async () => {
  await send('SetLimit', { limit: 10 });
  await fails(
    'stream.revision-conflict',
    send('Fill', { jar: 'a', amount: 1 }, { expected: { revision: 0, as: 'conflict' } }),
  );
  await send('Fill', { jar: 'a', amount: 1 }, { expected: { revision: -1, as: 'conflict' } });
  await send('Fill', { jar: 'a', amount: 1 }, { expected: { revision: 0, as: 'precondition' } });
  await fails(
    'stream.revision-mismatch',
    send('Fill', { jar: 'a', amount: 1 }, { expected: { revision: 0, as: 'precondition' } }),
  );
});

test('the same key and body are answered with the first answer, also after a restart', async () => {
  await send('SetLimit', { limit: 10 });
  const first = await send('Fill', { jar: 'a', amount: 3 }, { idempotencyKey: 'k' });
  const again = await send('Fill', { jar: 'a', amount: 3 }, { idempotencyKey: 'k' });
  expect(again).toEqual({ ...first, replayed: true });
  await stop();
  await start();
  const later = await send('Fill', { jar: 'a', amount: 3 }, { idempotencyKey: 'k' });
  expect(later.events.map(({ id }) => id)).toEqual(first.events.map(({ id }) => id));
  expect(later.replayed).toBe(true);
  expect(await streamOf('jar-a')).toHaveLength(1);
});

test('the same key with another body is refused; another caller’s key is another key', async () => {
  await send('SetLimit', { limit: 10 });
  await send('Fill', { jar: 'a', amount: 3 }, { idempotencyKey: 'k' });
  await fails('command.key-reused', send('Fill', { jar: 'a', amount: 4 }, { idempotencyKey: 'k' }));
  const other = await send('Fill', { jar: 'a', amount: 4 }, { idempotencyKey: 'k', caller: acme });
  expect(other.replayed).toBe(false);
});

test('concurrent twins share one flight', async () => {
  await send('SetLimit', { limit: 10 });
  const twins = await Promise.all(
    Array.from({ length: 5 }, () => send('Fill', { jar: 'a', amount: 3 }, { idempotencyKey: 'k' })),
  );
  expect(twins.map(({ replayed }) => replayed)).toEqual([false, true, true, true, true]);
  expect(await streamOf('jar-a')).toHaveLength(1);
});

test('a refused key is decided again', async () => {
  await fails('jar.full', send('Fill', { jar: 'a', amount: 3 }, { idempotencyKey: 'k' }));
  await send('SetLimit', { limit: 10 });
  expect((await send('Fill', { jar: 'a', amount: 3 }, { idempotencyKey: 'k' })).replayed).toBe(false);
});

test('ids follow from caller and key; secrets are shown once', async () => {
  const first = await send('CutKey', {}, { idempotencyKey: 'k' });
  const again = await send('CutKey', {}, { idempotencyKey: 'k' });
  expect(first.made.secret).toMatch(/^strata_/);
  expect(again.made).toEqual({ key: first.made.key, secret: null });
  expect((await send('CutKey', {})).made.key).not.toBe(first.made.key);
});

test('personal fields are sealed in the log and open for deciders, also after a restart', async () => {
  const labelled = await send('Label', { jar: 'a', label: 'plums' });
  expect(labelled.events[0]?.data.label).toMatchObject({ subject: 'a' });
  expect(JSON.stringify(await streamOf('jar-a'))).not.toContain('plums');
  await stop();
  await start();
  expect((await send('Label', { jar: 'a', label: 'plums' })).events).toEqual([]);
});

test('an admission is taken by what is appended, and given back by what is refused', async () => {
  await send('Drip', { jar: 'a' });
  await fails('jar.cooling', send('Drip', { jar: 'a' }));
  await send('Drip', { jar: 'a' }, { caller: acme });
  now += 60_000;
  await send('Drip', { jar: 'a' });
});

test('time never falls within the log, whatever the clock does', async () => {
  await send('SetLimit', { limit: 10 });
  const before = await send('Fill', { jar: 'a', amount: 1 });
  now -= 5000;
  const after = await send('Fill', { jar: 'a', amount: 1 });
  expect(after.events[0]!.at).toBeGreaterThanOrEqual(before.events[0]!.at);
});

test('nothing to change is an answer without events', async () => {
  await send('SetLimit', { limit: 10 });
  expect(await send('Fill', { jar: 'a', amount: 0 })).toMatchObject({ events: [], revision: -1, position: '1' });
});
