import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Cooldowns } from '#cache/cooldowns.ts';
import { defineEvent } from '#events/definition.ts';
import { createCodec } from '#events/encoding.ts';
import type { SubjectKeys } from '#events/sealing.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { type EmbeddedLog, openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { errors, errorTable } from '../errors.ts';
import type { Bus } from './bus.ts';
import { catalogue } from './catalogue.ts';
import { createBus } from './command-bus.ts';
import { type Domain, defineCommand } from './domain.ts';

// A door that people go through in turns, and that can be painted by anyone.
const doorErrors = errorTable({
  'door.wait': { status: 429, title: 'Not your turn' },
  'door.shut': { status: 422, title: 'The door is shut' },
});
const entered = z.strictObject({ door: z.string(), who: z.string() });
const doors: Domain = {
  name: 'doors',
  errors: doorErrors,
  events: [
    defineEvent({ type: 'Entered', schema: entered }),
    defineEvent({ type: 'Painted', schema: z.strictObject({ door: z.string() }) }),
  ],
  commands: [
    defineCommand({
      type: 'Enter',
      schema: entered,
      roles: ['admin'],
      stream: ({ door }) => `door-${door}`,
      view: null,
      admission: ({ who }) => ({
        key: who,
        seconds: 10,
        refusal: (retryAfterSeconds) => doorErrors.error('door.wait', 'later', { retryAfterSeconds }),
      }),
      decide: ({ data }) => {
        if (data.door === 'shut') throw doorErrors.error('door.shut', 'nobody enters');
        return [{ type: 'Entered', data }];
      },
    }),
    defineCommand({
      type: 'Paint',
      schema: z.strictObject({ door: z.string() }),
      roles: ['admin'],
      stream: ({ door }) => `door-${door}`,
      view: null,
      decide: ({ data }) => [{ type: 'Painted', data }],
    }),
  ],
  reactors: [],
  projections: [],
  commandRoutes: [],
  uploadRoutes: [],
  queryRoutes: [],
};

/** Cooldowns that answer when they are told to. */
class AskedCooldowns implements Cooldowns {
  readonly asked: { key: string; atMs: number; answer: (wait: number) => void; fail: (error: Error) => void }[] = [];
  readonly givenBack: string[] = [];
  readonly kept: string[] = [];

  take(key: string, _seconds: number, atMs: number): Promise<number> {
    return new Promise((answer, fail) => this.asked.push({ key, atMs, answer, fail }));
  }

  giveBack(key: string, atMs: number): void {
    this.givenBack.push(`${key} ${atMs}`);
  }

  keep(key: string, atMs: number): void {
    this.kept.push(`${key} ${atMs}`);
  }

  async restore(): Promise<void> {}
}

let dir: string;
let log: EmbeddedLog;
let keys: SubjectKeys;
let cooldowns: AskedCooldowns;
let bus: Bus;
let now = 0;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-admission-'));
  const known = catalogue([doors]);
  log = await openEmbeddedLog({
    dir: join(dir, 'log'),
    codec: createCodec([...known.events.values()]),
    durability: 'fsync',
  });
  keys = await openSubjectKeys({ dir: join(dir, 'keys') });
  cooldowns = new AskedCooldowns();
  now = 1000;
  const clock = () => (now += 1);
  bus = createBus({ log, catalogue: known, keys, cooldowns, clock, notBefore: 0, lagMs: () => 0, fault: () => null });
});

afterEach(async () => {
  await bus.close();
  await log.close();
  await keys.close();
  rmSync(dir, { recursive: true, force: true });
});

function send(type: string, data: unknown) {
  const caller = { role: 'admin', account: null, actor: 'admin' } as const;
  return bus.handle({ type, data, caller, idempotencyKey: null, expected: null });
}

async function eventsOf(door: string) {
  return await Array.fromAsync(log.readStream(`door-${door}`));
}

test('turns of one stream are asked for at once, and decided in the order of the commands', async () => {
  const sent = ['ann', 'bob', 'cay'].map((who) => send('Enter', { door: 'a', who }));
  await expect.poll(() => cooldowns.asked.map(({ key }) => key)).toEqual(['ann', 'bob', 'cay']);
  for (const { answer } of cooldowns.asked.toReversed()) answer(0);
  await Promise.all(sent);
  const events = await eventsOf('a');
  expect(events.map(({ data }) => data.who)).toEqual(['ann', 'bob', 'cay']);
  // The event's time is when the turn was taken: the log alone tells whether a cooldown was kept.
  expect(events.map(({ at }) => at)).toEqual(cooldowns.asked.map(({ atMs }) => atMs));
  expect(cooldowns.kept).toEqual(cooldowns.asked.map(({ key, atMs }) => `${key} ${atMs}`));
  expect(cooldowns.givenBack).toEqual([]);
});

test('what needs no turn keeps its place behind what waits for one', async () => {
  const sent = [
    send('Enter', { door: 'a', who: 'ann' }),
    send('Paint', { door: 'a' }),
    send('Enter', { door: 'a', who: 'bob' }),
  ];
  await send('Paint', { door: 'b' });
  expect(cooldowns.asked.map(({ key }) => key)).toEqual(['ann']);
  cooldowns.asked[0]!.answer(0);
  await expect.poll(() => cooldowns.asked.length).toBe(2);
  cooldowns.asked[1]!.answer(0);
  await Promise.all(sent);
  const events = await eventsOf('a');
  expect(events.map(({ type }) => type)).toEqual(['Entered', 'Painted', 'Entered']);
  expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((a, b) => a - b));
});

test('whoever must wait is told how long; a turn that led to nothing is given back', async () => {
  const early = send('Enter', { door: 'a', who: 'ann' });
  const shut = send('Enter', { door: 'shut', who: 'bob' });
  await expect.poll(() => cooldowns.asked.length).toBe(2);
  cooldowns.asked[0]!.answer(7);
  cooldowns.asked[1]!.answer(0);
  await expect(early).rejects.toMatchObject({ code: 'door.wait', retryAfterSeconds: 7 });
  await expect(shut).rejects.toMatchObject({ code: 'door.shut' });
  expect(cooldowns.givenBack).toEqual([`bob ${cooldowns.asked[1]!.atMs}`]);
  expect(await eventsOf('a')).toEqual([]);
});

test('where nobody can tell whose turn it is, nothing is done', async () => {
  const sent = send('Enter', { door: 'a', who: 'ann' });
  await expect.poll(() => cooldowns.asked.length).toBe(1);
  cooldowns.asked[0]!.fail(errors.error('engine.unavailable', 'gone'));
  await expect(sent).rejects.toMatchObject({ code: 'engine.unavailable' });
  expect(await eventsOf('a')).toEqual([]);
  expect(cooldowns.givenBack).toEqual([]);
});
