import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collection, defineProjection } from '../projection.ts';
import { FoldingFixture, MemoryLog } from './folding-fixture.ts';
import { prepareProjections } from './prepare.ts';
import { copyFolder, liveCopy, rebuiltCopies } from './rebuilt-copies.ts';
import { StoredProjections } from './stored-projections.ts';

const before = notes(1, (text) => text);
const after = notes(2, (text) => text.toUpperCase());

let log: MemoryLog;
let fixture: FoldingFixture;

beforeEach(() => {
  log = new MemoryLog();
  for (let at = 0; at < 500; at++) log.append('Noted', { key: `n${at % 50}`, text: `text ${at}` });
  fixture = new FoldingFixture(log, [before]);
  fixture.fold();
});

afterEach(() => fixture.end());

function notes(version: number, fold: (text: string) => string) {
  return defineProjection({
    name: 'notes',
    version,
    structures: [collection('notes')],
    folds: {
      Noted: ({ data }, context) =>
        context.collection('notes').put(data.key as string, { text: fold(String(data.text)) }),
    },
  });
}

function prepare(definitions = [after]) {
  return prepareProjections({ dataDir: fixture.dir, log, definitions, eventTypes: ['Noted'] });
}

test('a new version is folded beside the one that serves, and is what its program reads', async () => {
  expect(await prepare()).toEqual([{ projection: 'notes', version: 2, offset: 500 }]);
  log.append('Noted', { key: 'n1', text: 'later' });
  fixture.fold();
  expect(fixture.db().collection('notes').get('n1')?.bytes.toString()).toBe('{"text":"later"}');

  const stored = await StoredProjections.open(fixture.dir, [after]);
  expect(stored.found.map(({ checkpoint }) => checkpoint.offset)).toEqual([500]);
  expect(stored.db(500).collection('notes').get('n1')?.bytes.toString()).toBe('{"text":"TEXT 451"}');
  expect(stored.db(2).collection('notes').get('n1')?.bytes.toString()).toBe('{"text":"TEXT 1"}');
  await stored.close();
});

test('what is prepared is not prepared again, and what serves needs none', async () => {
  expect(await prepare([before])).toEqual([]);
  await prepare();
  expect(await prepare()).toEqual([]);
});

test('one that is cut short does not serve, and is gone on with', async () => {
  const folder = copyFolder(join(fixture.dir, 'projections'), { projection: 'notes', version: 2, generation: 1 });
  const visit = log.visit.bind(log);
  log.visit = () => {
    throw new Error('cut short');
  };
  await expect(prepare()).rejects.toThrow('cut short');
  log.visit = visit;
  expect(existsSync(folder)).toBe(true);
  expect(liveCopy(rebuiltCopies(join(fixture.dir, 'projections')), after)).toBeNull();
  expect(await prepare()).toHaveLength(1);
  expect(liveCopy(rebuiltCopies(join(fixture.dir, 'projections')), after)).toMatchObject({ folder, generation: 1 });
});
