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
import type { Projections } from '#history/db.ts';
import { type EmbeddedLog, openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { MemoryDb } from '#projections/memory-db.ts';
import { errorTable } from '../errors.ts';
import type { Bus } from './bus.ts';
import { catalogue } from './catalogue.ts';
import { createBus } from './command-bus.ts';
import { type Domain, defineCommand } from './domain.ts';
import { ErasureRunner } from './erasure-runner.ts';

// A cloakroom: when a guest is erased, so are the coats that hang there, each with a picture.
const named = z.strictObject({ name: z.string() });
const guestErased = defineEvent({ type: 'GuestErased', schema: named, erases: ({ name }) => `guest:${name}` });
const coatErased = defineEvent({ type: 'CoatErased', schema: named, erases: ({ name }) => `coat:${name}` });
const coats = new Set<string>();

const erase = (type: string, event: string) =>
  defineCommand({
    type,
    schema: named,
    roles: ['admin', 'system'],
    stream: ({ name }) => name,
    view: null,
    decide: ({ data }) => {
      coats.delete(data.name);
      return [{ type: event, data }];
    },
  });

const cloakroom: Domain = {
  name: 'cloakroom',
  errors: errorTable({}),
  events: [guestErased, coatErased],
  commands: [erase('EraseGuest', 'GuestErased'), erase('EraseCoat', 'CoatErased')],
  reactors: [],
  projections: [],
  commandRoutes: [],
  uploadRoutes: [],
  queryRoutes: [],
  // Two at a time, as a domain with very many would.
  erasedWith: ({ type }) =>
    type === 'GuestErased' ? [...coats].slice(0, 2).map((name) => ({ type: 'EraseCoat', data: { name } })) : [],
  blobs: {
    isNamed: () => false,
    releasedBy: ({ type, data }) => (type === 'CoatErased' ? [`picture of ${data.name}`] : []),
  },
};

let dir: string;
let log: EmbeddedLog;
let keys: SubjectKeys;
let bus: Bus;
let runner: ErasureRunner;
let collected: string[];
let reports: string[];
/** How many keys may be destroyed before the disk fails. */
let destroyable: number;

const db = new MemoryDb();
const followed: Pick<Projections, 'db' | 'waitFor'> = { db: () => db, waitFor: async () => {} };

async function start(): Promise<void> {
  const known = catalogue([cloakroom]);
  log = await openEmbeddedLog({
    dir: join(dir, 'log'),
    codec: createCodec([guestErased, coatErased]),
    durability: 'fsync',
  });
  keys = await openSubjectKeys({ dir: join(dir, 'keys') });
  bus = createBus({
    log,
    catalogue: known,
    keys,
    cooldowns: memoryCooldowns(),
    clock: Date.now,
    notBefore: 0,
    lagMs: () => 0,
    fault: () => null,
  });
  runner = ErasureRunner.start({
    dir: join(dir, 'erasures'),
    log,
    catalogue: known,
    domains: [cloakroom],
    keys: { ...keys, destroy },
    bus,
    // What it asks of them.
    projections: followed as Projections,
    collectBlobs: (sha256s) => collected.push(...sha256s),
    report: (_, { error }) => reports.push(error!),
  });
}

async function destroy(subject: string): Promise<void> {
  if (destroyable === 0) throw new Error('no room');
  destroyable -= 1;
  await keys.destroy(subject);
}

async function stop(): Promise<void> {
  await runner.close();
  await bus.close();
  await keys.close();
  await log.close();
}

async function send(type: string, name: string): Promise<void> {
  const caller = { role: 'admin', account: null, actor: 'admin' } as const;
  await bus.handle({ type, data: { name }, caller, idempotencyKey: null, expected: null });
}

function withKeys(...subjects: string[]): string[] {
  return subjects.filter((subject) => keys.get(subject) !== null);
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-erasures-'));
  collected = [];
  reports = [];
  coats.clear();
  destroyable = Number.POSITIVE_INFINITY;
  await start();
});

afterEach(async () => {
  await stop();
  rmSync(dir, { recursive: true, force: true });
});

test('what belonged to a subject goes with it, keys first, then blobs', async () => {
  const names = ['red', 'green', 'blue', 'old', 'new'];
  for (const name of names) coats.add(name);
  const subjects = ['guest:ada', ...names.map((name) => `coat:${name}`)];
  await keys.ensure([...subjects, 'guest:ben']);
  await send('EraseGuest', 'ada');
  await expect.poll(() => withKeys(...subjects, 'guest:ben')).toEqual(['guest:ben']);
  await expect.poll(() => collected.toSorted()).toEqual(names.map((name) => `picture of ${name}`).sort());
  const events = await Array.fromAsync(log.readAll());
  const [first, ...others] = events;
  expect(others.map(({ type, causation, actor }) => [type, causation, actor])).toEqual(
    names.map(() => ['CoatErased', first!.id, 'reactor:erasure']),
  );
  expect(reports).toEqual([]);
});

test('a disk that takes nothing is tried again, by the next start too', async () => {
  await keys.ensure(['guest:ada', 'coat:red', 'coat:green']);
  destroyable = 1;
  await send('EraseGuest', 'ada');
  await send('EraseCoat', 'red');
  await send('EraseCoat', 'green');
  await expect.poll(() => reports).toContain('Error: no room');
  await stop();

  destroyable = Number.POSITIVE_INFINITY;
  await start();
  await expect.poll(() => withKeys('guest:ada', 'coat:red', 'coat:green')).toEqual([]);
  await expect.poll(() => new Set(collected)).toEqual(new Set(['picture of red', 'picture of green']));
});

test('what is done is not looked at again', async () => {
  await send('EraseCoat', 'red');
  await expect.poll(() => collected).toEqual(['picture of red']);
  await stop();
  await start();
  await send('EraseCoat', 'green');
  await expect.poll(() => collected).toEqual(['picture of red', 'picture of green']);
});

test('another log is looked at from its beginning', async () => {
  for (const name of ['red', 'green']) await send('EraseCoat', name);
  await expect.poll(() => collected).toEqual(['picture of red', 'picture of green']);
  await stop();
  rmSync(join(dir, 'log'), { recursive: true });
  await start();
  await send('EraseCoat', 'blue');
  await expect.poll(() => collected).toEqual(['picture of red', 'picture of green', 'picture of blue']);
});
