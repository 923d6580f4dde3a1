import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EventData } from '#events/event.ts';
import type { Db } from '#history/db.ts';
import { MemoryLog } from '#history/folding/folding-fixture.ts';
import { OverlayDb } from '#history/overlay/db.ts';
import { collection, defineProjection, raster } from '#history/projection.ts';
import { MemoryDb } from '#projections/memory-db.ts';

type Write = { readonly key: string; readonly tags: readonly string[] | null | 'erase' };
type Pixel = { readonly x: number; readonly y: number; readonly color: number };

const KEYS = ['a', 'ab', 'b', 'é', 'z', 'yy'];
const TAGS = ['one', 'two', 'three'];
const PLACES = [
  [0, 0],
  [1, 0],
  [0, 1],
  [257, 2],
  [2, 257],
] as const;

const notes = defineProjection({
  name: 'notes',
  version: 1,
  structures: [
    collection('notes', {
      indexes: {
        tag: { value: ({ tags }) => tags as readonly string[], sort: ({ tags }) => (tags as readonly string[]).length },
      },
      counters: { first: ({ tags }) => (tags as readonly string[])[0] ?? null },
    }),
    raster('boards'),
  ],
  folds: {
    Written: (event, context) => {
      const writer = context.collection('notes');
      for (const { key, tags } of event.data.writes as unknown as Write[]) {
        if (tags === null) writer.delete(key);
        else if (tags === 'erase') writer.erase(key);
        else writer.put(key, { tags });
      }
    },
    Placed: ({ data }, context) => {
      const { x, y, color } = data as Pixel & EventData;
      context.raster('boards').set('wall', x, y, color);
    },
  },
});

type Pages<Item> = { items: readonly Item[]; next: string | null };

/** Every item of all pages, which hold `limit` at most. */
async function all<Item>(
  read: (page: { limit: number; cursor?: string }) => Pages<Item> | Promise<Pages<Item>>,
  limit: number,
): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Pages<Item> = await read(cursor === undefined ? { limit } : { limit, cursor });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    cursor = page.next;
  }
  return items;
}

async function expectSame(db: Db, expected: Db, froms: readonly number[], limit: number): Promise<void> {
  const [ours, theirs] = [db.collection('notes'), expected.collection('notes')];
  const [board, wall] = [db.raster('boards'), expected.raster('boards')];
  for (const key of KEYS) {
    expect(ours.get(key)).toEqual(theirs.get(key));
    expect(ours.lastChange(key)).toBe(theirs.lastChange(key));
    expect(ours.isErased(key)).toBe(theirs.isErased(key));
    expect(await all((page) => ours.versions({ key, ...page }), limit)).toEqual(
      await all((page) => theirs.versions({ key, ...page }), limit),
    );
  }
  for (const descending of [false, true]) {
    for (const value of TAGS) {
      for (const query of [{}, { sortAfter: 1 }, { sortBefore: 3, where: (bytes: Buffer) => bytes.includes('two') }]) {
        expect(await all((page) => ours.list({ index: 'tag', value, descending, ...query, ...page }), limit)).toEqual(
          await all((page) => theirs.list({ index: 'tag', value, descending, ...query, ...page }), limit),
        );
      }
    }
    for (const prefix of ['', 'a', 'é']) {
      expect(await all((page) => ours.scan({ prefix, descending, ...page }), limit)).toEqual(
        await all((page) => theirs.scan({ prefix, descending, ...page }), limit),
      );
    }
  }
  for (const tag of TAGS) expect(ours.count('first', tag)).toBe(theirs.count('first', tag));
  expect(await ours.fingerprint()).toEqual(await theirs.fingerprint());

  expect(await board.pixels('wall', 258, 3)).toEqual(await wall.pixels('wall', 258, 3));
  expect([board.lastChange('wall'), board.changes('wall')]).toEqual([wall.lastChange('wall'), wall.changes('wall')]);
  for (const [x, y] of PLACES) {
    expect(board.placement('wall', x, y)).toEqual(wall.placement('wall', x, y));
    expect(await all((page) => board.placements({ board: 'wall', x, y, ...page }), limit)).toEqual(
      await all((page) => wall.placements({ board: 'wall', x, y, ...page }), limit),
    );
  }
  expect(await board.fingerprint()).toEqual(await wall.fingerprint());

  for (const from of froms) {
    for (const prefix of ['', 'a']) {
      const changes = await all((page) => ours.changes({ from, prefix, ...page }), limit);
      const wanted = await all((page) => theirs.changes({ from, prefix, ...page }), limit);
      expect(changes.toSorted(byKey)).toEqual(wanted.toSorted(byKey));
      expect(await ours.changeCounts({ from, prefix })).toEqual(await theirs.changeCounts({ from, prefix }));
    }
    const places = await all((page) => board.changed({ board: 'wall', from, ...page }), limit);
    const changed = await all((page) => wall.changed({ board: 'wall', from, ...page }), limit);
    expect(places.toSorted(byPlace)).toEqual(changed.toSorted(byPlace));
  }
}

const byKey = (a: { readonly key: string }, b: { readonly key: string }) => (a.key < b.key ? -1 : 1);
const byPlace = (a: Pick<Pixel, 'x' | 'y'>, b: Pick<Pixel, 'x' | 'y'>) => a.y - b.y || a.x - b.x;

const write = fc.record({
  key: fc.constantFrom(...KEYS),
  tags: fc.oneof(
    { weight: 20, arbitrary: fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 3 }) },
    { weight: 5, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant('erase' as const) },
  ),
});
const event = fc.oneof(
  fc.array(write, { minLength: 1, maxLength: 3 }).map((writes) => ['Written', { writes }] as const),
  fc
    .tuple(fc.constantFrom(...PLACES), fc.integer({ min: 0, max: 2 }))
    .map(([[x, y], color]) => ['Placed', { x, y, color }] as const),
);

/** fast-check prints the seed of what fails. */
test('what is laid over a state reads as if it had been appended', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 40 }),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 4 }),
      async (events, cut, between, limit) => {
        const log = new MemoryLog();
        for (const [type, data] of events) log.append(type, data as unknown as EventData);
        const first = cut % (events.length + 1);
        const second = first + (between % (events.length - first + 1));

        const below = new OverlayDb(new MemoryDb(notes).fold(log.events.slice(0, first)), [notes]);
        for (const each of log.events.slice(first, second)) below.fold(each);
        const db = new OverlayDb(below, [notes]);
        for (const each of log.events.slice(second)) db.fold(each);

        expect([db.offset, db.logged]).toEqual([events.length, first]);
        const expected = new MemoryDb(notes).fold(log.events);
        await expectSame(db, expected, [0, Math.floor(first / 2), first, second, events.length], limit);
      },
    ),
    { numRuns: 60 },
  );
});
