import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { treesPath } from '../folding/fold-store.ts';
import { FoldingFixture, MemoryLog } from '../folding/folding-fixture.ts';
import { collection, defineProjection } from '../projection.ts';
import { Trees } from '../storage/tree.ts';
import { collectionTreeNames } from './trees.ts';

const people = defineProjection({
  name: 'people',
  version: 1,
  structures: [
    collection('people', {
      indexes: { town: { value: ({ town }) => town as string, sort: ({ name }) => name as string } },
    }),
  ],
  folds: {
    Met: (event, context) => {
      const { key, ...document } = event.data as unknown as { key: string; name: string; town: string };
      context.collection('people').put(key, document);
    },
    // Another document in between, so that what is taken back is not the last record.
    Corrected: (event, context) => {
      const { key, names } = event.data as unknown as { key: string; names: readonly string[] };
      for (const [at, name] of names.entries()) {
        context.collection('people').put(key, { name, town: 'Known Town' });
        if (at === 0) context.collection('people').put('dora', { name: `Known Dora ${event.offset}`, town: '' });
      }
    },
    Forgotten: (event, context) => context.collection('people').erase(event.data.key as string),
  },
});

/** More versions than one list holds. */
const VERSIONS = 80;

let log: MemoryLog;
let fixture: FoldingFixture;

beforeEach(() => {
  log = new MemoryLog();
  for (let at = 0; at < VERSIONS; at++) {
    log.append('Met', { key: 'anna', name: `Secret Anna ${at}`, town: `Secret Town ${at % 3}` });
    log.append('Met', { key: 'ben', name: `Known Ben ${at}`, town: 'Known Town' });
  }
  fixture = new FoldingFixture(log, [people]);
  fixture.fold(VERSIONS);
});

afterEach(() => fixture.end());

function folder(): string {
  return join(fixture.dir, 'projections', 'people@1');
}

function filesHold(text: string): boolean {
  return readdirSync(folder()).some((name) => readFileSync(join(folder(), name)).includes(text));
}

/** Whether any row that can be reached holds it. */
async function rowsHold(text: string): Promise<boolean> {
  const trees = new Trees(treesPath(join(fixture.dir, 'projections')), { readOnly: true });
  try {
    return collectionTreeNames(people, people.structures[0] as never).some((name) =>
      [...trees.tree(name).range({ low: '\0', high: '\xff'.repeat(8) })].some(
        ({ key, value }) => key.includes(text) || value.includes(text),
      ),
    );
  } finally {
    await trees.close();
  }
}

function expectBenAlone(): void {
  const view = fixture.db().collection('people');
  expect(view.isErased('anna')).toBe(true);
  expect(view.isErased('ben')).toBe(false);
  expect(view.versions({ key: 'anna', limit: 100 })).toEqual({ items: [], next: null });
  expect(view.versions({ key: 'ben', limit: 100 }).items).toHaveLength(VERSIONS);
  for (let offset = 1; offset <= log.events.length; offset += 13) {
    const past = fixture.db(offset).collection('people');
    expect(past.get('anna')).toBeNull();
    expect(past.scan({ prefix: '', limit: 10 }).items.map(({ key }) => key)).not.toContain('anna');
    expect(past.list({ index: 'town', value: 'Secret Town 1', limit: 10 }).items).toEqual([]);
  }
  expect(JSON.parse(String(view.get('ben')?.bytes))).toEqual({ name: `Known Ben ${VERSIONS - 1}`, town: 'Known Town' });
}

test('an erased document is gone from every position, from the rows and from the files', async () => {
  fixture.fold();
  expect(filesHold('Secret Anna')).toBe(true);
  expect(await rowsHold('Secret Town')).toBe(true);
  log.append('Forgotten', { key: 'anna' });
  fixture.fold();
  expectBenAlone();
  expect(filesHold('Secret')).toBe(false);
  expect(await rowsHold('Secret')).toBe(false);
  expect(filesHold('Known Ben')).toBe(true);
});

test('what is put later under an erased key is ignored, in every fold of the log', async () => {
  log.append('Forgotten', { key: 'anna' });
  log.append('Met', { key: 'anna', name: 'Secret Anna again', town: 'Secret Town 1' });
  fixture.fold();
  expectBenAlone();
  const fingerprint = await fixture.db().collection('people').fingerprint();
  for (const version of [2, 1]) {
    await fixture.restart('close', [{ ...people, version }]);
    fixture.fold();
    expectBenAlone();
    expect(await fixture.db().collection('people').fingerprint()).toEqual(fingerprint);
  }
});

test('versions of the erasure’s own batch are destroyed too', async () => {
  log.append('Met', { key: 'anna', name: 'Secret last', town: 'Secret Town 1' });
  log.append('Forgotten', { key: 'anna' });
  fixture.fold();
  expectBenAlone();
  expect(filesHold('Secret')).toBe(false);
  expect(await rowsHold('Secret')).toBe(false);
});

test('what an event wrote and took back is destroyed, though it was never the state', () => {
  log.append('Corrected', { key: 'carl', names: ['Slip one', 'Slip two', 'Right'] });
  log.append('Corrected', { key: 'carl', names: ['Slip three', 'Right'] });
  fixture.fold();
  expect(fixture.db().collection('people').versions({ key: 'carl', limit: 10 }).items).toHaveLength(1);
  expect(filesHold('Right')).toBe(true);
  expect(filesHold('Slip')).toBe(false);
  log.append('Forgotten', { key: 'carl' });
  fixture.fold();
  expect(filesHold('Right')).toBe(false);
});

test('a diff tells that the document is gone, and nothing of it', () => {
  const erasedAt = log.append('Forgotten', { key: 'anna' });
  fixture.fold();
  const view = fixture.db().collection('people');
  const gone = { key: 'anna', change: 'removed', before: null, after: null, offset: erasedAt };
  expect(view.changes({ from: erasedAt - 1, limit: 10 }).items).toEqual([gone]);
  expect(
    fixture
      .db(erasedAt - 1)
      .collection('people')
      .changes({ from: 3, limit: 10 }).items,
  ).toMatchObject([{ key: 'ben', change: 'changed', offset: erasedAt - 1 }]);
});

test('a start does again what a crash cut short: the bytes are destroyed once the commit stands', async () => {
  fixture.fold();
  const path = join(folder(), 'people.0.versions');
  const before = readFileSync(path);
  log.append('Forgotten', { key: 'anna' });
  fixture.fold();
  const { length } = before;
  // As a crash right after the commit leaves it: forgotten by the trees, not yet overwritten.
  await fixture.restart('abandon', [people], log, () => {
    writeFileSync(path, Buffer.concat([before, readFileSync(path).subarray(length)]));
    expect(filesHold('Secret Anna')).toBe(true);
  });
  expect(fixture.reports).toEqual([]);
  expect(filesHold('Secret Anna')).toBe(false);
  expectBenAlone();
});

test('when the machine lost the commit of an erasure that has begun, all is folded anew', async () => {
  fixture.fold();
  const committed = readFileSync(join(fixture.dir, 'projections', 'trees.mdb'));
  log.append('Forgotten', { key: 'anna' });
  fixture.fold();
  await fixture.restart('abandon', [people], log, () =>
    writeFileSync(join(fixture.dir, 'projections', 'trees.mdb'), committed),
  );
  expect(fixture.reports).toHaveLength(2);
  expect(fixture.committed).toBe(0);
  fixture.fold();
  expectBenAlone();
  expect(filesHold('Secret')).toBe(false);
});
