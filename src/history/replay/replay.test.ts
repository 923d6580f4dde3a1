import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Random } from '#test/simulation/random.ts';
import { FoldingFixture, MemoryLog } from '../folding/folding-fixture.ts';
import { collection, defineProjection, type Fold, raster } from '../projection.ts';
import { type ReplayOptions, replayAndCompare } from './replay.ts';
import type { ReplayReport, StructureReplay } from './report.ts';

let log: MemoryLog;
let live: FoldingFixture | null;
let scratch: string;

beforeEach(() => {
  log = new MemoryLog();
  live = null;
  scratch = mkdtempSync(join(tmpdir(), 'strata-replay-'));
});

afterEach(async () => {
  await live?.end();
  rmSync(scratch, { recursive: true, force: true });
});

const noted: Fold = ({ data }, context) => context.collection('notes').put(data.key as string, { text: data.text! });

/** `folds` stand in for those of the same type. */
function definitions(folds: { readonly [type: string]: Fold } = {}) {
  return [
    defineProjection({
      name: 'notes',
      version: 1,
      structures: [collection('notes')],
      folds: {
        Noted: folds.Noted ?? noted,
        Removed: folds.Removed ?? (({ data }, context) => context.collection('notes').delete(data.key as string)),
        Erased: ({ data }, context) => context.collection('notes').erase(data.key as string),
      },
    }),
    defineProjection({
      name: 'boards',
      version: 1,
      structures: [raster('pixels')],
      folds: {
        Painted:
          folds.Painted ??
          (({ data }, context) =>
            context.raster('pixels').set('board', data.x as number, data.y as number, data.color as number)),
      },
    }),
  ];
}

function open(folds: { readonly [type: string]: Fold } = {}): FoldingFixture {
  live = new FoldingFixture(log, definitions(folds));
  return live;
}

function replay(options: Partial<ReplayOptions> = {}): Promise<ReplayReport> {
  return replayAndCompare({
    dataDir: live!.dir,
    scratchDir: join(scratch, `${readdirSync(scratch).length}`),
    log,
    definitions: definitions(),
    eventTypes: ['Noted', 'Removed', 'Erased', 'Painted'],
    ...options,
  });
}

function structure(report: ReplayReport, name: string): StructureReplay {
  return report.projections.flatMap(({ structures }) => structures).find((each) => each.name === name)!;
}

/** Random notes and pixels; no key is erased unless told. */
function appendRandom(count: number, random: Random): void {
  for (let at = 0; at < count; at++) {
    const key = `n${random.below(40)}`;
    if (random.chance(0.4))
      log.append('Painted', { x: random.below(300), y: random.below(20), color: random.below(20) });
    else if (random.chance(0.1)) log.append('Removed', { key });
    else log.append('Noted', { key, text: `text ${random.below(1000)} `.repeat(1 + random.below(20)) });
  }
}

test('what was folded in many commits equals its replay, now and at any position, beside the live fold', async () => {
  const random = Random.fresh();
  const fixture = open();
  for (let round = 0; round < 5; round++) {
    appendRandom(300, random);
    fixture.fold();
    if (random.chance(0.5)) await fixture.restart();
  }
  for (const to of [undefined, 0, random.below(1500), random.below(1500)]) {
    const report = await replay(to === undefined ? {} : { to });
    expect(report, `seed ${random.seed}`).toMatchObject({ offset: to ?? 1500, equal: true, missing: [] });
    expect(structure(report, 'notes').live).toEqual(await fixture.db(to).collection('notes').fingerprint());
    expect(structure(report, 'pixels').live).toEqual(await fixture.db(to).raster('pixels').fingerprint());
  }
});

test('one projection alone is replayed, and one that is not there is named', async () => {
  const fixture = open();
  appendRandom(50, Random.fresh());
  fixture.fold();
  expect((await replay({ projections: ['boards'] })).projections.map(({ name }) => name)).toEqual(['boards']);
  const later = definitions().map((definition) => ({ ...definition, version: definition.name === 'notes' ? 2 : 1 }));
  expect(await replay({ definitions: later })).toMatchObject({ equal: false, missing: ['notes'] });
});

test('a fold that went wrong at one event is found at that event, and between which positions', async () => {
  const random = Random.fresh();
  const wrongFrom = 400 + random.below(100);
  const isWrong = (offset: number) => offset >= wrongFrom && log.at(offset).data.key === log.at(wrongFrom).data.key;
  const fixture = open({
    Noted: (event, context) =>
      isWrong(event.offset)
        ? context.collection('notes').put(event.data.key as string, { text: 'wrong' })
        : noted(event, context),
  });
  for (let at = 1; at < wrongFrom; at++) log.append('Noted', { key: `n${at % 7}`, text: `${at}` });
  fixture.fold(300);
  await fixture.restart();
  // Of a key that nothing else touches, so that it is still wrong in the end.
  log.append('Noted', { key: 'kept', text: 'right' });
  appendRandom(200, random);
  fixture.fold();
  await fixture.restart();
  const report = await replay();
  expect(structure(report, 'notes'), `seed ${random.seed}`).toMatchObject({
    equal: false,
    first: { offset: wrongFrom, key: 'kept', eventType: 'Noted', replayed: '{"text":"right"}' },
    foldedApart: { after: 300, to: log.events.length },
  });
  expect(structure(report, 'pixels').equal).toBe(true);
});

test('where more differs than is looked at one by one, positions are bisected', async () => {
  const fixture = open({
    Noted: ({ offset, data }, context) =>
      context.collection('notes').put(data.key as string, { text: offset >= 777 ? 'wrong' : data.text! }),
  });
  for (let at = 1; at <= 4_000; at++) log.append('Noted', { key: `n${at}`, text: `${at}` });
  fixture.fold();
  expect(structure(await replay(), 'notes')).toMatchObject({
    different: 1_001,
    first: { offset: 777, key: 'n777', live: '{"text":"wrong"}', replayed: '{"text":"777"}' },
  });
});

test('a document that the live fold lacks, and one that it should not have, differ', async () => {
  const fixture = open({ Removed: () => {} });
  log.append('Noted', { key: 'a', text: '1' });
  log.append('Removed', { key: 'a' });
  fixture.fold();
  expect(structure(await replay(), 'notes').first).toMatchObject({
    offset: 2,
    eventType: 'Removed',
    live: '{"text":"1"}',
    replayed: null,
  });
});

test('a wrong pixel is found at its place', async () => {
  const fixture = open({
    Painted: ({ data, offset }, context) =>
      context
        .raster('pixels')
        .set('board', data.x as number, data.y as number, offset === 2 ? 9 : (data.color as number)),
  });
  log.append('Painted', { x: 1, y: 1, color: 1 });
  log.append('Painted', { x: 299, y: 3, color: 2 });
  log.append('Painted', { x: 2, y: 2, color: 2 });
  fixture.fold();
  expect(structure(await replay(), 'pixels')).toMatchObject({
    equal: false,
    different: 1,
    first: { offset: 2, key: 'board/299/3', eventType: 'Painted', live: 'colour 9, set at 2' },
  });
});

test('a record whose bytes changed since is found, though the fold went right', async () => {
  const random = Random.fresh();
  const fixture = open();
  for (let at = 1; at <= 20; at++) log.append('Noted', { key: `n${at}`, text: `${at} of the first` });
  fixture.fold();
  const path = join(fixture.dir, 'projections', 'notes@1', 'notes.0.versions');
  await fixture.restart('close', undefined, log, () => overwrite(path, '7 of the first'));
  const report = await replay();
  expect(structure(report, 'notes'), `seed ${random.seed}`).toMatchObject({
    equal: false,
    live: null,
    different: 1,
    first: { offset: 7, key: 'n7', live: 'cannot be read' },
    foldedApart: null,
  });
});

test('what is erased by now is of no position, on either side', async () => {
  const fixture = open();
  for (const key of ['a', 'b', 'c']) log.append('Noted', { key, text: key });
  fixture.fold();
  await fixture.restart();
  log.append('Erased', { key: 'b' });
  log.append('Noted', { key: 'd', text: 'd' });
  fixture.fold();
  for (const to of [3, 4, 5]) {
    const report = await replay({ to });
    expect(report.equal).toBe(true);
    expect(structure(report, 'notes').replayed.count).toBe(to === 5 ? 3 : 2);
  }
});

test('a replay past what is folded, and into a folder with something in it, is refused', async () => {
  const fixture = open();
  appendRandom(10, Random.fresh());
  fixture.fold();
  appendRandom(1, Random.fresh());
  await expect(replay({ to: 11 })).rejects.toMatchObject({ code: 'history.not-yet' });
  await expect(replay({ scratchDir: fixture.dir })).rejects.toMatchObject({ code: 'config.invalid' });
});

/** Changes a byte of the first place where the file has the text. */
function overwrite(path: string, text: string): void {
  const at = readFileSync(path).indexOf(text);
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, Buffer.from('x'), 0, 1, at);
  closeSync(descriptor);
}
