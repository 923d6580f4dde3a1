import { statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isStrataError } from '../../errors.ts';
import type { Db, ListQuery, Page } from '../db.ts';
import { FoldingFixture, MemoryLog } from '../folding/folding-fixture.ts';
import { collection, type Document, defineProjection, type SortValue } from '../projection.ts';
import { documentBytes } from './document-bytes.ts';

/** Whole copies of every state: what the collection must equal. */
type State = ReadonlyMap<string, Document>;

type Change = {
  readonly key: string;
  /** Several in one event: the last counts. `null` deletes. */
  readonly documents: readonly (Document | null)[];
};

const items = defineProjection({
  name: 'items',
  version: 1,
  structures: [
    collection('items', {
      indexes: {
        tag: { value: ({ tags }) => tags as string[], sort: ({ sort }) => sort as SortValue },
        owner: { value: ({ owner }) => owner as string | null, sort: ({ text }) => text as string },
      },
      counters: { owner: ({ owner }) => owner as string | null },
    }),
  ],
  folds: {
    Changed: (event, context) => {
      const { key, documents } = event.data as unknown as Change;
      const writer = context.collection('items');
      for (const document of documents) {
        if (document === null) writer.delete(key);
        else writer.put(key, { ...writer.get(key), ...document });
      }
    },
  },
});

const KEYS = ['a', 'ab', 'abc', 'b', 'é', 'zzz'];
const TAGS = ['alps', 'a', 'ü', '', 'nul\0', 'x'.repeat(500)];
const OWNERS = ['anna', 'ben'];

const document = fc.record({
  tags: fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 3 }).map((tags) => tags.sort()),
  sort: fc.oneof(
    fc.constant(null),
    fc.constantFrom(-1.5, 0, 3, 1e20, -1e-9),
    fc.constantFrom('', 'a', 'a\0', 'ab', 'é'),
  ),
  owner: fc.option(fc.constantFrom(...OWNERS)),
  text: fc.constantFrom('', 'one', 'one two three four five six seven eight nine ten'.repeat(3)),
});
const change: fc.Arbitrary<Change> = fc.record({
  key: fc.constantFrom(...KEYS),
  documents: fc.array(fc.option(document, { freq: 5 }), { minLength: 1, maxLength: 2 }),
});

function statesOf(changes: readonly Change[]): State[] {
  const states: State[] = [new Map()];
  for (const { key, documents } of changes) {
    const next = new Map(states.at(-1)!);
    for (const each of documents) {
      if (each === null) next.delete(key);
      else next.set(key, { ...next.get(key), ...each });
    }
    states.push(next);
  }
  return states;
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function compareSort(a: SortValue, b: SortValue): number {
  const rank = (value: SortValue) => (value === null ? 0 : typeof value === 'number' ? 1 : 2);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return typeof a === 'string' && typeof b === 'string' ? compareBytes(a, b) : 0;
}

function listed(state: State, tag: string, descending: boolean): string[] {
  const found = [...state].filter(([, { tags }]) => (tags as string[]).includes(tag));
  found.sort(
    ([a, left], [b, right]) => compareSort(left.sort as SortValue, right.sort as SortValue) || compareBytes(a, b),
  );
  const keys = found.map(([key]) => key);
  return descending ? keys.reverse() : keys;
}

function pages(read: (cursor: string | undefined) => Page): string[] {
  const keys: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = read(cursor);
    keys.push(...page.items.map(({ key }) => key));
    if (page.next === null) return keys;
    cursor = page.next;
  }
}

function expectState(db: Db, state: State, limit: number): void {
  const view = db.collection('items');
  for (const key of KEYS) {
    const expected = state.get(key);
    expect(view.get(key)?.bytes.toString() ?? null).toEqual(
      expected === undefined ? null : documentBytes(expected).toString(),
    );
  }
  for (const owner of OWNERS) {
    expect(view.count('owner', owner)).toBe([...state.values()].filter((each) => each.owner === owner).length);
  }
  for (const descending of [false, true]) {
    for (const tag of TAGS) {
      const keys = pages((cursor) =>
        view.list({ index: 'tag', value: tag, descending, limit, ...(cursor === undefined ? {} : { cursor }) }),
      );
      expect(keys).toEqual(listed(state, tag, descending));
    }
    for (const prefix of ['', 'a', 'ab']) {
      const keys = pages((cursor) =>
        view.scan({ prefix, descending, limit, ...(cursor === undefined ? {} : { cursor }) }),
      );
      const expected = [...state.keys()].filter((key) => key.startsWith(prefix)).sort(compareBytes);
      expect(keys).toEqual(descending ? expected.reverse() : expected);
    }
  }
}

test('documents, lists, scans and counts equal whole copies of every state: live, restarted, rebuilt', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 1, maxLength: 400, size: 'max' }),
      fc.array(fc.nat({ max: 150 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 4 }),
      async (changes, commits, limit) => {
        const states = statesOf(changes);
        const log = new MemoryLog();
        for (const each of changes) log.append('Changed', each);
        const fixture = new FoldingFixture(log, [items]);
        try {
          let offset = 0;
          for (const events of commits) {
            offset = Math.min(offset + events, changes.length);
            fixture.fold(offset);
            expectState(fixture.db(), states[offset]!, limit);
          }
          await fixture.restart('abandon');
          fixture.fold();
          const expectAll = () => {
            expectState(fixture.db(), states.at(-1)!, limit);
            for (let at = 0; at < states.length; at += 7) expectState(fixture.db(at), states[at]!, limit);
          };
          expectAll();
          await fixture.restart('close', [{ ...items, version: 2 }]);
          fixture.fold();
          expectAll();
        } finally {
          await fixture.end();
        }
      },
    ),
    { numRuns: 30, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
  );
}, 120_000);

test('a document of many versions reads the same at every position, and takes few bytes for small changes', async () => {
  const text = 'what does not change '.repeat(100);
  const log = new MemoryLog();
  for (let count = 1; count <= 300; count++) {
    const document = count % 41 === 0 ? null : { tags: [], sort: count, owner: null, text };
    log.append('Changed', { key: 'a', documents: [document] });
  }
  const fixture = new FoldingFixture(log, [items]);
  try {
    for (let offset = 7; offset < 300; offset += 7) fixture.fold(offset);
    fixture.fold();
    for (let offset = 1; offset <= 300; offset++) {
      const view = fixture.db(offset).collection('items');
      const version = view.get('a');
      expect(version === null ? null : JSON.parse(version.bytes.toString()).sort).toBe(
        offset % 41 === 0 ? null : offset,
      );
      expect(view.lastChange('a')).toBe(offset);
    }
    const { size } = statSync(join(fixture.dir, 'projections', 'items@1', 'items.0.versions'));
    expect(size / 300).toBeLessThan(text.length / 5);
  } finally {
    await fixture.end();
  }
});

test('a cursor is refused by another list, and when it was changed', async () => {
  const log = new MemoryLog();
  for (const key of KEYS) log.append('Changed', { key, documents: [{ tags: ['a'], sort: 1, owner: null, text: '' }] });
  const fixture = new FoldingFixture(log, [items]);
  try {
    fixture.fold();
    const view = fixture.db().collection('items');
    const { next } = view.list({ index: 'tag', value: 'a', limit: 2 });
    const refused = (query: ListQuery) =>
      expect(() => view.list(query)).toThrow(expect.toSatisfy((error) => isStrataError(error, 'history.cursor')));
    expect(next).not.toBeNull();
    for (const cursor of ['', '!', `${next}A`, next!.slice(0, -1), 'A'.repeat(5_000)]) {
      refused({ index: 'tag', value: 'a', limit: 2, cursor });
    }
    refused({ index: 'tag', value: 'b', limit: 2, cursor: next! });
    refused({ index: 'tag', value: 'a', limit: 2, cursor: next!, descending: true });
  } finally {
    await fixture.end();
  }
});

test('a cursor goes on at the position of its first page, whatever is written meanwhile', async () => {
  const log = new MemoryLog();
  const document = (sort: number) => ({ tags: ['a'], sort, owner: null, text: '' });
  for (const [at, key] of KEYS.entries()) log.append('Changed', { key, documents: [document(at)] });
  const fixture = new FoldingFixture(log, [items]);
  try {
    fixture.fold();
    const query = { index: 'tag', value: 'a', limit: 2 };
    const first = fixture.db().collection('items').list(query);
    for (const [at, key] of KEYS.entries()) log.append('Changed', { key, documents: [document(-at)] });
    fixture.fold();
    const rest = pages((cursor) =>
      fixture
        .db()
        .collection('items')
        .list({ ...query, cursor: cursor ?? first.next! }),
    );
    expect([...first.items.map(({ key }) => key), ...rest]).toEqual(KEYS);
  } finally {
    await fixture.end();
  }
});
