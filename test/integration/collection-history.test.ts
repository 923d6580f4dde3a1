import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ChangesQuery, CollectionView, Db, DocumentChange } from '#history/db.ts';
import { FoldingFixture, MemoryLog } from '#history/folding/folding-fixture.ts';
import { collection, defineProjection, type SortValue } from '#history/projection.ts';
import { MemoryDb } from '#projections/memory-db.ts';

/** What one event does, in order. A text is put, `null` deletes. */
type Write = { readonly key: string; readonly text: string | null | 'erase' };

const KEYS = ['a', 'ab', 'abc', 'b', 'é', 'zzz', 'y'];
const LONG = 'one two three four five six seven eight nine ten '.repeat(4);
const TEXTS = ['', 'one', `${LONG}1`, `${LONG}2`];
/** Enough documents that short ranges have fewer touches, and long ones more. */
const OTHERS: readonly Write[] = Array.from({ length: 40 }, (_, at) => ({ key: `other-${at}`, text: 'one' }));
/** More than there are: one page. */
const ALL = 1_000;
const PREFIXES = ['', 'a', 'ab', 'é', 'o'];

const notes = defineProjection({
  name: 'notes',
  version: 1,
  structures: [
    collection('notes', {
      indexes: {
        text: { value: ({ text }) => text as string, sort: ({ text }) => (text as string).length },
        words: {
          value: ({ text }) => [...new Set((text as string).split(' '))],
          sort: ({ text }) => text as SortValue,
        },
      },
      counters: { text: ({ text }) => text as string },
    }),
  ],
  folds: {
    Written: (event, context) => {
      const writer = context.collection('notes');
      for (const { key, text } of event.data.writes as unknown as Write[]) {
        if (text === null) writer.delete(key);
        else if (text === 'erase') writer.erase(key);
        else writer.put(key, { text });
      }
    },
  },
});

function view(db: Db): CollectionView {
  return db.collection('notes');
}

/** Every item of all pages, which hold `limit` at most. */
function pages<Item>(
  read: (page: { limit: number; cursor?: string }) => { items: readonly Item[]; next: string | null },
  limit: number,
): Item[] {
  const items: Item[] = [];
  for (let cursor: string | null = null; ; ) {
    const page = read(cursor === null ? { limit } : { limit, cursor });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    if (page.next === null) return items;
    cursor = page.next;
  }
}

function changes(db: Db, query: Omit<ChangesQuery, 'limit'>, limit: number): DocumentChange[] {
  return pages((page) => view(db).changes({ ...query, ...page }), limit);
}

function byKey(all: readonly DocumentChange[]): DocumentChange[] {
  return all.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** The documents as they stand, by key. */
function whole(db: Db): Map<string, string> {
  const all = pages((page) => view(db).scan({ prefix: '', ...page }), 100);
  return new Map(all.map(({ key, bytes }) => [key, bytes.toString()]));
}

function applied(all: readonly DocumentChange[], to: Map<string, string>): Map<string, string> {
  const next = new Map(to);
  for (const { key, change, before, after } of all) {
    if (before !== null) expect(next.get(key)).toBe(before.bytes.toString());
    if (change === 'removed') next.delete(key);
    else next.set(key, after!.bytes.toString());
  }
  return next;
}

async function expectSame(db: Db, expected: Db, limit: number): Promise<void> {
  const [ours, theirs] = [view(db), view(expected)];
  for (const key of KEYS) {
    expect(ours.get(key)).toEqual(theirs.get(key));
    expect(ours.lastChange(key)).toBe(theirs.lastChange(key));
    expect(ours.isErased(key)).toBe(theirs.isErased(key));
    expect(pages((page) => ours.versions({ key, ...page }), limit)).toEqual(
      pages((page) => theirs.versions({ key, ...page }), ALL),
    );
  }
  for (const descending of [false, true]) {
    for (const [index, values] of Object.entries({ text: TEXTS, words: ['one', 'ten', '2'] })) {
      for (const value of values) {
        expect(pages((page) => ours.list({ index, value, descending, ...page }), limit)).toEqual(
          pages((page) => theirs.list({ index, value, descending, ...page }), ALL),
        );
      }
    }
    for (const prefix of PREFIXES) {
      expect(pages((page) => ours.scan({ prefix, descending, ...page }), limit)).toEqual(
        pages((page) => theirs.scan({ prefix, descending, ...page }), ALL),
      );
    }
  }
  for (const text of TEXTS) expect(ours.count('text', text)).toBe(theirs.count('text', text));
  expect(await ours.fingerprint()).toEqual(await theirs.fingerprint());
}

async function expectSameChanges(db: Db, expected: Db, from: number, limit: number): Promise<void> {
  for (const prefix of PREFIXES) {
    for (const documents of [true, false]) {
      const query = { from, prefix, documents };
      expect(byKey(changes(db, query, limit))).toEqual(byKey(changes(expected, query, ALL)));
    }
    expect(await view(db).changeCounts({ from, prefix })).toEqual(await view(expected).changeCounts({ from, prefix }));
  }
}

const text = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom<string | null>(...TEXTS) },
  { weight: 8, arbitrary: fc.constant<string | null>(null) },
  { weight: 1, arbitrary: fc.constant<string | null>('erase') },
);
const write: fc.Arbitrary<Write> = fc.record({ key: fc.constantFrom(...KEYS), text });
const event = fc.oneof(
  { weight: 6, arbitrary: write.map((each) => [each]) },
  // Several writes of one document in one event, which come back to where they began or do not.
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...KEYS), fc.array(text, { maxLength: 4 })).map(toOne) },
  { weight: 1, arbitrary: fc.array(write, { maxLength: 6 }) },
);

function toOne([key, texts]: [string, (string | null)[]]): Write[] {
  return texts.map((each) => ({ key, text: each }));
}

test('versions, changes, erasures and fingerprints equal whole copies of every state: live, restarted, rebuilt', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 300, size: 'max' }),
      fc.array(fc.nat({ max: 120 }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { minLength: 4, maxLength: 4 }),
      fc.constantFrom(1, 2, 7, 30),
      async (events, commits, random, limit) => {
        const log = new MemoryLog();
        log.append('Written', { writes: OTHERS as never });
        for (const writes of events) log.append('Written', { writes: writes as never });
        const expected = new MemoryDb(notes);
        const fixture = new FoldingFixture(log, [notes]);
        const expectPositions = async () => {
          const { offset } = expected;
          await expectSame(fixture.db(), expected, limit);
          for (const from of random.map((each) => each % (offset + 1))) {
            await expectSame(fixture.db(from), expected.at(from), limit);
            await expectSameChanges(fixture.db(), expected, from, limit);
          }
          const [a, b, c] = random.map((each) => each % (offset + 1)).sort((x, y) => x - y) as [number, number, number];
          await expectSameChanges(fixture.db(b), expected.at(b), a, limit);
          const first = changes(fixture.db(b), { from: a }, limit);
          const second = changes(fixture.db(c), { from: b }, limit);
          expect(applied(first, whole(fixture.db(a)))).toEqual(whole(fixture.db(b)));
          const both = changes(fixture.db(c), { from: a }, limit);
          expect(applied(both, whole(fixture.db(a)))).toEqual(applied(second, applied(first, whole(fixture.db(a)))));
        };
        try {
          let offset = 0;
          for (const count of commits) {
            const to = Math.min(offset + count, log.events.length);
            fixture.fold(to);
            expected.fold(log.events.slice(offset, to));
            offset = to;
            await expectPositions();
          }
          await fixture.restart('abandon');
          fixture.fold();
          expected.fold(log.events.slice(offset));
          await expectPositions();
          await fixture.restart('close', [{ ...notes, version: 2 }]);
          fixture.fold();
          await expectPositions();
          expect(fixture.reports).toEqual([`projection notes: version 1 at ${log.events.length} is discarded`]);
        } finally {
          await fixture.end();
        }
      },
    ),
    { numRuns: 20, interruptAfterTimeLimit: 90_000, markInterruptAsFailure: true },
  );
}, 150_000);
