import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { memoryCooldowns } from '#cache/memory-cooldowns.ts';
import { systemEvents } from '#commands/system/events.ts';
import { defineView } from '#commands/view.ts';
import { defineEvent, type EventDefinition } from '#events/definition.ts';
import { createCodec } from '#events/encoding.ts';
import type { EventData, RecordedEvent } from '#events/event.ts';
import { openFields } from '#events/sealing.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { createBus } from '#handling/command-bus.ts';
import { defineCommand } from '#handling/domain.ts';
import { FoldProgress } from '#history/folding/fold-progress.ts';
import { Folding } from '#history/folding/folding.ts';
import { collection, type ProjectionDefinition } from '#history/projection.ts';
import { type EmbeddedLog, openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
import type { LogReader } from '#log/log-reader.ts';
import { domains } from '#src/domains.ts';
import { tempFolder } from '../conformance/open-log.ts';
import { ServerFixture } from './server-fixture.ts';

// A guest book. First an entry had a `by`, then a `guest`; since the third version it says how many came.
const base = { type: 'GuestSigned', schema: z.unknown(), subject: () => 'guests' };
const first = defineEvent({ ...base, personal: ['by'] });
const second = defineEvent({
  ...base,
  version: 2,
  personal: ['guest'],
  upcasts: { 1: ({ by, ...rest }) => ({ ...rest, guest: by! }) },
});
const third = defineEvent({
  ...second,
  version: 3,
  upcasts: { ...second.upcasts, 2: (data) => ({ ...data, party: 1 }) },
});

/** What any of the versions writes: its own shape. */
const shapes: readonly ((guest: string) => EventData)[] = [
  (guest) => ({ by: guest }),
  (guest) => ({ guest }),
  (guest) => ({ guest, party: 2 }),
];

type Entry = { readonly guest: string; readonly party: number };
const book = defineView<{ readonly GuestSigned: Entry }, readonly Entry[]>('book', [], {
  GuestSigned: (entries, entry) => [...entries, entry],
});

const guests: ProjectionDefinition = {
  name: 'guests',
  version: 1,
  structures: [collection('guests')],
  folds: { GuestSigned: ({ offset, data }, context) => context.collection('guests').put(`${offset}`, data) },
};

let dir: string;
let log: EmbeddedLog;
beforeEach(() => {
  dir = tempFolder();
});
afterEach(() => log?.close());

/** Strata as it was when the guest book's events had this version; `seen` is what was decided on. */
async function run(
  definition: EventDefinition,
  work: (send: (guest: string) => Promise<readonly Entry[]>) => Promise<void>,
) {
  log = await openEmbeddedLog({ dir: join(dir, 'log'), codec: createCodec([definition]), durability: 'fsync' });
  const keys = await openSubjectKeys({ dir: join(dir, 'keys') });
  let seen: readonly Entry[] = [];
  const sign = defineCommand<EventData, readonly Entry[]>({
    type: 'Sign',
    schema: z.record(z.string(), z.json()),
    roles: ['admin'],
    stream: () => 'book',
    view: book,
    decide: ({ data }, entries) => {
      seen = entries;
      return [{ type: 'GuestSigned', data }];
    },
  });
  const bus = createBus({
    log,
    catalogue: { commands: new Map([['Sign', sign]]), events: new Map([['GuestSigned', definition]]) },
    keys,
    cooldowns: memoryCooldowns(),
    clock: Date.now,
    notBefore: 0,
    lagMs: () => 0,
    fault: () => null,
  });
  await work(async (guest) => {
    const caller = { role: 'admin', account: null, actor: 'admin' } as const;
    const data = shapes[definition.version - 1]!(guest);
    await bus.handle({ type: 'Sign', data, caller, idempotencyKey: null, expected: null });
    return seen;
  });
  await bus.close();
  await keys.close();
  await log.close();
}

function hashes(to: number): string[] {
  return Array.from({ length: to }, (_, at) => log.reader().hashAt(at + 1));
}

test('what every version wrote is read as the latest has it, by deciders, readers and projections', async () => {
  let written: string[] = [];
  await run(first, async (sign) => {
    expect(await sign('Ada')).toEqual([]);
    written = hashes(1);
  });
  await run(second, async (sign) => {
    await sign('Ben');
    expect(hashes(1)).toEqual(written);
    written = hashes(2);
  });
  await run(third, async (sign) => {
    expect(await sign('Cleo')).toEqual([
      { guest: 'Ada', party: 1 },
      { guest: 'Ben', party: 1 },
    ]);
    expect(hashes(2)).toEqual(written);

    const recorded = await Array.fromAsync(log.readStream('book'));
    expect(recorded.map(({ version }) => version)).toEqual([3, 3, 3]);
    expect(recorded.map(({ data }) => data)).toEqual([1, 1, 2].map((party) => ({ guest: sealedFor('guests'), party })));
    const keys = await openSubjectKeys({ dir: join(dir, 'keys') });
    const open = ({ data }: RecordedEvent) => openFields(data, (subject) => keys.get(subject));
    expect(recorded.map(open)).toMatchObject([{ guest: 'Ada' }, { guest: 'Ben' }, { guest: 'Cleo' }]);
    await keys.close();

    const folded: unknown[] = [];
    await fold(log.reader(), [{ ...guests, folds: { GuestSigned: ({ data }) => folded.push(data) } }], third);
    expect(folded).toEqual(recorded.map(({ data }) => data));
  });
});

test('an event of a version that is not known yet stops reading and folding by name, also where nobody folds it', async () => {
  await run(third, async (sign) => {
    await sign('Ada');
  });
  const reader = openLogReader(join(dir, 'log'), createCodec([second]));
  const unknown = {
    code: 'event.unknown-version',
    message: expect.stringContaining('GuestSigned stands at 1 in version 3'),
  };
  expect(() => reader.at(1)).toThrow(expect.objectContaining(unknown));
  await expect(fold(reader, [guests], second)).rejects.toMatchObject(unknown);
  await expect(fold(reader, [{ ...guests, folds: {} }], second)).rejects.toMatchObject(unknown);
  reader.close();
});

test('a server does not start on a log that a later Strata wrote', async () => {
  const strata = new ServerFixture();
  await strata.start();
  await strata.server.close();
  const later = systemEvents.map((event) => defineEvent({ ...event, version: 2, upcasts: { 1: (data) => data } }));
  const types = new Set(later.map(({ type }) => type));
  const others = domains.flatMap(({ events }) => events.filter(({ type }) => !types.has(type)));
  log = await openEmbeddedLog({
    dir: join(strata.dir, 'log'),
    codec: createCodec([...others, ...later]),
    durability: 'fsync',
  });
  const data = { projection: 'photos', version: 1, generation: 2 };
  const id = '0'.repeat(32);
  const event = {
    id,
    type: 'ProjectionPromoted',
    version: 2,
    at: 1,
    actor: 'admin',
    causation: null,
    keyMark: null,
    data,
  };
  await log.append([{ stream: 'projection-photos', expected: 'any', events: [event] }]);
  await log.close();
  await expect(strata.start()).rejects.toMatchObject({ code: 'event.unknown-version' });
});

function sealedFor(subject: string) {
  return { sealed: expect.any(String), subject };
}

async function fold(
  reader: LogReader,
  definitions: readonly ProjectionDefinition[],
  event: EventDefinition,
): Promise<void> {
  const progress = new FoldProgress();
  progress.synced = log.headOffset();
  const folding = new Folding({
    folder: tempFolder(dir),
    log: reader,
    definitions,
    eventTypes: [event.type],
    progress,
    onTile: () => {},
    report: () => {},
  });
  try {
    folding.step(progress.synced);
    folding.commit();
  } finally {
    await folding.abandon();
  }
}
