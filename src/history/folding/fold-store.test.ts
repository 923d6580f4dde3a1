import { closeSync, existsSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collection, defineProjection } from '../projection.ts';
import { FoldingFixture, MemoryLog } from './folding-fixture.ts';

const notes = defineProjection({
  name: 'notes',
  version: 1,
  structures: [collection('notes')],
  folds: {
    Noted: (event, context) => context.collection('notes').put(event.data.key as string, { text: event.data.text! }),
  },
});
const lengths = defineProjection({
  name: 'lengths',
  version: 1,
  structures: [collection('lengths')],
  folds: {
    Noted: (event, context) =>
      context.collection('lengths').put(event.data.key as string, { length: String(event.data.text).length }),
  },
});

let log: MemoryLog;
let fixture: FoldingFixture;

beforeEach(() => {
  log = noted('memory', 100);
  fixture = new FoldingFixture(log, [notes]);
  fixture.fold();
});

afterEach(() => fixture.end());

function noted(id: string, count: number): MemoryLog {
  const made = new MemoryLog(id);
  for (let at = 0; at < count; at++) made.append('Noted', { key: `${at}`, text: `text ${at} of ${id}` });
  return made;
}

function text(key: string): string | null {
  return fixture.db().collection('notes').get(key)?.bytes.toString() ?? null;
}

function versionsPath(version = 1): string {
  return join(fixture.dir, 'projections', `notes@${version}`, 'notes.0.versions');
}

test('a clean restart and a crash keep what was committed, and say nothing', async () => {
  for (const how of ['close', 'abandon'] as const) {
    await fixture.restart(how);
    expect(fixture.committed).toBe(100);
    expect(text('7')).toBe('{"text":"text 7 of memory"}');
  }
  expect(fixture.reports).toEqual([]);
});

test('records that the machine lost in a crash are noticed, and the projection is folded anew', async () => {
  const { size } = statSync(versionsPath());
  const damages = [
    () => truncateSync(versionsPath(), size - 1),
    () => truncateSync(versionsPath(), 0),
    () => overwrite(versionsPath(), size - 3, Buffer.alloc(3)),
    () => overwrite(versionsPath(), 0, Buffer.alloc(size)),
  ];
  for (const damage of damages) {
    await fixture.restart('abandon', [notes], log, damage);
    expect(fixture.reports.splice(0)).toHaveLength(2);
    expect(fixture.committed).toBe(0);
    fixture.fold();
    expect(text('99')).toBe('{"text":"text 99 of memory"}');
  }
});

test('trees that are cut short or overwritten are noticed before they are mapped, and all is folded anew', async () => {
  const path = join(fixture.dir, 'projections', 'trees.mdb');
  for (const damage of [() => truncateSync(path, 9000), () => overwrite(path, 0, Buffer.alloc(4096))]) {
    await fixture.restart('close', [notes], log, damage);
    expect(fixture.reports.splice(0)).toHaveLength(1);
    expect(fixture.committed).toBe(0);
    fixture.fold();
    expect(text('99')).toBe('{"text":"text 99 of memory"}');
  }
});

test('what lies beyond the checkpoint is cut off and folded again', async () => {
  const { size } = statSync(versionsPath());
  await fixture.restart('abandon', [notes], log, () => overwrite(versionsPath(), size, Buffer.from('not committed')));
  expect(statSync(versionsPath()).size).toBe(size);
  expect(fixture.committed).toBe(100);
});

test('another log, a log that is shorter, and a log with another event at the checkpoint start anew', async () => {
  const rewritten = noted('memory', 99);
  rewritten.append('Noted', { key: '99', text: 'another' });
  for (const other of [noted('other', 100), noted('memory', 99), rewritten]) {
    await fixture.restart('close', [notes], other);
    expect(fixture.reports.splice(0)).toEqual(['projection notes: version 1 at 100 is discarded']);
    expect(fixture.committed).toBe(0);
    expect(text('7')).toBeNull();
    await fixture.restart('close', [notes], log);
    fixture.fold();
    fixture.reports.splice(0);
  }
});

test('another version, other indexes and a projection that is gone are discarded with their files', async () => {
  const indexed = collection('notes', { indexes: { all: { value: () => 'all', sort: () => null } } });
  await fixture.restart('close', [{ ...notes, structures: [indexed] }]);
  expect(fixture.committed).toBe(0);
  fixture.fold();
  expect(fixture.db().collection('notes').list({ index: 'all', value: 'all', limit: 1_000 }).items).toHaveLength(100);
  await fixture.restart('close', [{ ...notes, version: 2 }]);
  expect(fixture.committed).toBe(0);
  expect([existsSync(versionsPath(1)), existsSync(versionsPath(2))]).toEqual([false, true]);
  await fixture.restart('close', []);
  expect(existsSync(versionsPath(2))).toBe(false);
});

test('a new projection is caught up while the others keep what they have', async () => {
  await fixture.restart('close', [notes, lengths]);
  expect(fixture.reports).toEqual([]);
  expect(fixture.committed).toBe(0);
  log.append('Noted', { key: '0', text: 'longer than before' });
  fixture.fold();
  expect(text('0')).toBe('{"text":"longer than before"}');
  expect(fixture.db().collection('lengths').get('0')?.bytes.toString()).toBe('{"length":18}');
  expect(fixture.db(100).collection('lengths').get('0')?.bytes.toString()).toBe('{"length":16}');
  expect(fixture.db(100).collection('notes').lastChange('0')).toBe(1);
});

function overwrite(path: string, at: number, bytes: Buffer): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, bytes, 0, bytes.length, at);
  closeSync(descriptor);
}
