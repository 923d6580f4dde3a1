import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { type EmbeddedLog, openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { notes, sampleCodec, sampleDefinitions } from '#test/conformance/sample-events.ts';
import { backUp } from './backup.ts';
import { dataFolderIn } from './data-folder.ts';
import { openFolderTarget } from './folder-target.ts';
import { restore } from './restore.ts';
import type { BackupTarget } from './target.ts';
import { verifyBackup } from './verify-backup.ts';
import { verifyData } from './verify-data.ts';

const SEGMENT_BYTES = 16 * 1024;
const verifying = {
  domains: [],
  catalogue: { commands: new Map(), events: new Map(sampleDefinitions.map((event) => [event.type, event])) },
  codec: sampleCodec,
  onProgress: () => undefined,
};

let dir: string;
let log: EmbeddedLog;
let target: BackupTarget;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-backup-'));
  log = await openLog(data().logDir);
  target = await openFolderTarget(join(dir, 'backup'));
});

afterEach(async () => {
  await log.close();
  rmSync(dir, { recursive: true, force: true });
});

const data = (name = 'data') => dataFolderIn(join(dir, name));

function openLog(logDir: string): Promise<EmbeddedLog> {
  const options = {
    codec: sampleCodec,
    durability: 'fsync',
    segmentBytesMax: SEGMENT_BYTES,
    indexIntervalMs: 10,
  } as const;
  return openEmbeddedLog({ dir: logDir, ...options });
}

async function append(count: number, from = 0): Promise<void> {
  for (let at = from; at < from + count; at += 1) {
    const [result] = await log.append([notes(`s-${at % 7}`, [`${at} ${'x'.repeat(300)}`, `${at} again`])]);
    expect(result?.ok).toBe(true);
  }
}

const options = () => ({ data: data(), target, keysTarget: target, withBlobs: true, onProgress: () => undefined });

function backUpNow(more: { keysTarget?: BackupTarget | null } = {}) {
  return backUp({ ...options(), ...more });
}

function restoreTo(name: string, more: { to?: string; erased?: ReadonlySet<string>; keysTarget?: BackupTarget } = {}) {
  return restore({
    target,
    keysTarget: target,
    dir: join(dir, name),
    blobs: null,
    to: null,
    epoch: null,
    erased: new Set(),
    clock: Date.now,
    codec: sampleCodec,
    events: new Map(),
    onProgress: () => undefined,
    ...more,
  });
}

async function eventsOf(from: EmbeddedLog) {
  return Array.fromAsync(from.readAll());
}

async function restoredEvents(name: string) {
  const restored = await openLog(data(name).logDir);
  try {
    expect(restored.id).toBe(log.id);
    return { events: await eventsOf(restored), epoch: restored.epoch };
  } finally {
    await restored.close();
  }
}

test('a backup beside the open log holds what was acknowledged, and a restored log is the same in a new epoch', async () => {
  await append(200);
  const report = await backUpNow();
  expect(report).toMatchObject({ position: '400', events: 400, segments: { there: 0 } });
  expect(report.segments.copied).toBeGreaterThan(3);
  const restored = await restoreTo('restored');
  expect(restored).toMatchObject({ position: 'e2.400', backupPosition: '400', logId: log.id });
  expect(await restoredEvents('restored')).toEqual({ events: await eventsOf(log), epoch: 2 });
  expect(await verifyData(data('restored'), verifying)).toMatchObject({ isWhole: true, events: 400, streams: 7 });
  expect(await verifyBackup(target, verifying)).toMatchObject({ isWhole: true, events: 400, position: '400' });
  expect(await verifyData(data(), verifying)).toMatchObject({ isWhole: true, events: 400, position: '400' });
});

test('a second backup copies the segments that are new, and the last one', async () => {
  await append(100);
  const first = await backUpNow();
  const unchanged = await backUpNow();
  expect(unchanged.segments).toEqual({ copied: 0, copiedBytes: 0, there: first.segments.copied });
  await append(20, 100);
  const second = await backUpNow();
  expect(second.segments.there).toBeGreaterThanOrEqual(first.segments.copied - 1);
  expect(second.segments.copied).toBeLessThan(first.segments.copied);
  // What was the last segment's earlier state is gone.
  const files = await Array.fromAsync(target.list('segments'));
  expect(files).toHaveLength(second.segments.copied + second.segments.there);
  await restoreTo('restored');
  expect((await restoredEvents('restored')).events).toEqual(await eventsOf(log));
});

test('a backup of a log that is appended to all the while is one position of it', async () => {
  await append(50);
  let isDone = false;
  const writing = (async () => {
    for (let at = 50; !isDone; at += 1) await append(1, at);
  })();
  const report = await backUpNow();
  isDone = true;
  await writing;
  expect(report.events).toBeGreaterThanOrEqual(100);
  await restoreTo('restored');
  const { events } = await restoredEvents('restored');
  expect(events).toEqual((await eventsOf(log)).slice(0, report.events));
});

test('a log is restored up to a position: a write that ends after it is left out whole', async () => {
  await append(60);
  await backUpNow();
  expect(await restoreTo('even', { to: '100' })).toMatchObject({ position: 'e2.100' });
  expect(await restoreTo('odd', { to: '101' })).toMatchObject({ position: 'e2.100' });
  expect((await restoredEvents('odd')).events).toEqual((await eventsOf(log)).slice(0, 100));
  expect(await verifyData(data('even'), verifying)).toMatchObject({ isWhole: true, events: 100 });
  await expect(restoreTo('late', { to: '121' })).rejects.toMatchObject({ code: 'history.future-position' });
  await expect(restoreTo('other', { to: 'e9.1' })).rejects.toMatchObject({ code: 'position.other-epoch' });
});

test('a log is restored up to a time, which is included', async () => {
  await append(20);
  await backUpNow();
  const events = await eventsOf(log);
  const time = events[9]!.recordedAt;
  const upTo = events.filter(({ recordedAt }) => recordedAt <= time);
  await restoreTo('restored', { to: new Date(time).toISOString() });
  expect((await restoredEvents('restored')).events).toEqual(upTo);
  expect(await restoreTo('none', { to: '2001-01-01T00:00:00Z' })).toMatchObject({ position: 'e2.0' });
  expect((await restoredEvents('none')).events).toEqual([]);
});

test('a restored log is backed up beside the one it came from, and goes on from there', async () => {
  await append(30);
  await backUpNow();
  await restoreTo('restored', { to: '40' });
  await append(10, 30);
  const restored = await openLog(data('restored').logDir);
  await restored.append([notes('s-new', ['after the restore'])]);
  expect(await backUp({ ...options(), data: data('restored') })).toMatchObject({ position: 'e2.41' });
  await restored.close();
  expect(await restoreTo('again')).toMatchObject({ position: 'e3.41' });
  // The first log is another epoch's: its backup goes on too.
  expect(await backUpNow()).toMatchObject({ position: '80' });
});

test('a target takes no other log', async () => {
  await append(5);
  await backUpNow();
  const other = await openLog(data('other').logDir);
  await expect(backUp({ ...options(), data: data('other') })).rejects.toMatchObject({ code: 'backup.other-log' });
  await other.close();
});

test('what is damaged is named: a backup is not restored, a log is told position, file and byte', async () => {
  await append(100);
  await backUpNow();
  const [file] = (await Array.fromAsync(target.list('segments'))).map(({ name }) => name).sort();
  flip(join(dir, 'backup', file!), 5000);
  await expect(restoreTo('restored')).rejects.toMatchObject({
    code: 'backup.damaged',
    message: expect.stringContaining(file!),
  });
  const report = await verifyBackup(target, verifying);
  expect(report).toMatchObject({ isWhole: false });
  expect(report?.findings[0]?.problem).toContain(file!);

  flip(join(data().logDir, '00000002.seg'), 5000);
  const found = await verifyData(data(), verifying);
  expect(found).toMatchObject({ isWhole: false, findings: [{ part: 'log', file: '00000002.seg' }] });
  expect(found.findings[0]!.position).toBeGreaterThan(1);
  expect(found.findings[0]!.byte).toBeLessThanOrEqual(5000);
  await expect(backUp({ ...options(), target: await openFolderTarget(join(dir, 'second')) })).rejects.toMatchObject({
    code: 'log.corrupt',
    message: expect.stringContaining('strata verify'),
  });
});

function flip(path: string, byte: number): void {
  const bytes = readFileSync(path);
  bytes[byte]! ^= 1;
  writeFileSync(path, bytes);
}

test('an erased subject’s key leaves the backup, and no restore brings it back', async () => {
  await append(5);
  const keys = await openSubjectKeys({ dir: data().keysDir });
  const [alice, bob] = await keys.ensure(['alice', 'bob']);
  expect(await backUpNow()).toMatchObject({ keys: 2, erased: 0 });

  await restoreTo('early', { erased: new Set(['alice']) });
  const early = await openSubjectKeys({ dir: data('early').keysDir });
  expect([early.get('alice'), early.get('bob')]).toEqual([null, bob]);
  await expect(early.ensure(['alice'])).rejects.toMatchObject({ code: 'subject.erased' });
  await early.close();

  await keys.destroy('alice');
  expect(await backUpNow()).toMatchObject({ keys: 1, erased: 1 });
  for await (const { name } of target.list('keys')) {
    expect(readFileSync(join(dir, 'backup', name)).includes(alice!)).toBe(false);
  }
  expect(await restoreTo('late', { to: '2' })).toMatchObject({ keys: 1, erased: 1 });
  const late = await openSubjectKeys({ dir: data('late').keysDir });
  expect([late.get('alice'), late.get('bob')]).toEqual([null, bob]);
  await late.close();
  await keys.close();
});

test('keys kept elsewhere are wanted for a restore, and must be as new as the log', async () => {
  const elsewhere = await openFolderTarget(join(dir, 'elsewhere'));
  const keys = await openSubjectKeys({ dir: data().keysDir });
  const [alice] = await keys.ensure(['alice']);
  await append(5);
  await backUpNow({ keysTarget: elsewhere });
  await expect(restoreTo('restored')).rejects.toMatchObject({ code: 'backup.unusable' });
  expect(await restoreTo('restored', { keysTarget: elsewhere })).toMatchObject({ keys: 1 });
  const restored = await openSubjectKeys({ dir: data('restored').keysDir });
  expect(restored.get('alice')).toEqual(alice);
  await restored.close();

  await append(5, 5);
  await backUpNow({ keysTarget: null });
  const late = restoreTo('late', { keysTarget: elsewhere });
  await expect(late).rejects.toMatchObject({ code: 'backup.unusable', message: expect.stringContaining('--to 10') });
  expect(await restoreTo('upTo', { keysTarget: elsewhere, to: '10' })).toMatchObject({ position: 'e2.10' });
  await keys.close();
});

test('only an empty folder is restored into', async () => {
  await append(1);
  await backUpNow();
  writeFileSync(join(dir, 'backup', 'mine'), 'kept');
  await expect(restoreTo('data')).rejects.toMatchObject({ code: 'restore.not-empty' });
});
