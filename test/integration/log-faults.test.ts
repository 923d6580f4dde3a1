import { expect, onTestFinished, test, vi } from 'vitest';
import type { EmbeddedLog, EmbeddedLogOptions } from '#log/embedded/embedded-log.ts';
import { FailingDisk, type Fault, type Operation } from '#test/simulation/failing-disk.ts';
import { appended, everything, outcome, texts } from '../conformance/log/results.ts';
import { openLog, tempFolder } from '../conformance/open-log.ts';
import { notes } from '../conformance/sample-events.ts';

const FULL: Fault = { code: 'ENOSPC', written: 0.5 };
/** What fdatasync says after the bytes went into the page cache. */
const UNSYNCED: Fault = { code: 'EIO', written: 1 };
const BROKEN: Fault = { code: 'EIO' };

test('a full disk refuses writes, serves reads, and takes writes again when there is room', async () => {
  const { log, disk, reopen } = await openFailing();
  const before = await appended(log, notes('a', ['1', '2']));
  disk.faultOf = failing(FULL, 'write', 'create');
  disk.free = 0;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    expect(await outcomes(log, 'a', ['refused'])).toEqual(['log.disk-full']);
    expect(log.fault()?.code).toBe('log.disk-full');
    expect(log.fault()?.retryAfterSeconds).toBeGreaterThan(0);
  }
  expect(log.lastRevision('a')).toBe(1);
  expect(await everything(log)).toEqual(before);
  expect(await Array.fromAsync(log.readStream('a', { backwards: true }))).toEqual(before.toReversed());

  disk.faultOf = failing(null);
  disk.free = null;
  const later = await appended(log, notes('a', ['3'], 1));
  expect(log.fault()).toBeNull();
  expect(await everything(log)).toEqual([...before, ...later]);
  expect(await everything(await reopen())).toEqual([...before, ...later]);
});

test('a log whose disk was full becomes writable without being asked', { timeout: 20_000 }, async () => {
  const { log, disk } = await openFailing();
  disk.faultOf = failing(FULL, 'write', 'create', 'truncate');
  await outcomes(log, 'a', ['refused']);
  expect(log.fault()).not.toBeNull();
  disk.faultOf = failing(null);
  await vi.waitFor(() => expect(log.fault()).toBeNull(), { timeout: 10_000 });
});

test('what could not be synced never comes back', async () => {
  const { log, disk, reopen } = await openFailing();
  const before = await appended(log, notes('a', ['1']));
  for (let attempt = 0; attempt < 3; attempt += 1) {
    disk.faultOf = once(UNSYNCED, 'write');
    expect(await outcomes(log, 'a', ['refused'])).toEqual(['log.write-failed']);
    expect(log.fault()).toBeNull();
  }
  const again = await reopen();
  expect(await everything(again)).toEqual(before);
  const later = await appended(again, notes('a', ['2'], 0));
  expect(await everything(await reopen())).toEqual([...before, ...later]);
});

test('a write that is refused after a full disk is not there after a crash either', async () => {
  const { log, disk, crash } = await openFailing();
  const before = await appended(log, notes('a', ['1']));
  disk.faultOf = (operation) => (operation === 'write' ? UNSYNCED : operation === 'create' ? FULL : null);
  expect(await outcomes(log, 'a', ['refused'])).toEqual(['log.write-failed']);
  expect(await everything(await crash())).toEqual(before);
});

test('when nothing works any more, the outcome is unknown, and what was behind is certainly not there', async () => {
  const { log, disk, reopen } = await openFailing();
  const before = await appended(log, notes('a', ['1']));
  disk.faultOf = failing(UNSYNCED, 'write', 'create', 'truncate', 'sync');
  const inFlight = log.append([notes('a', ['unknown'])]);
  await vi.waitFor(() => expect(disk.faults).toBeGreaterThan(0));
  const behind = log.append([notes('a', ['behind'])]);
  expect((await inFlight).map(outcome)).toEqual(['command.outcome-unknown']);
  expect((await behind).map(outcome)).toEqual(['log.write-failed']);
  expect(log.fault()?.code).toBe('log.write-failed');
  expect(log.lastRevision('a')).toBe(0);

  disk.faultOf = failing(null);
  const later = await appended(log, notes('a', ['2'], 0));
  expect(await everything(log)).toEqual([...before, ...later]);
  expect(await everything(await reopen())).toEqual([...before, ...later]);
});

test('a write of unknown outcome is found whole, or not at all, by the next process', async () => {
  for (const written of [0, 0.5, 0.99, 1]) {
    const { log, disk, crash } = await openFailing();
    const before = await appended(log, notes('a', ['1']));
    disk.faultOf = failing({ code: 'EIO', written }, 'write', 'create', 'truncate', 'sync');
    expect(await outcomes(log, 'a', ['2', '3'])).toEqual(['command.outcome-unknown']);
    const found = texts(await everything(await crash()));
    expect(found).toEqual(written === 1 ? ['1', '2', '3'] : texts(before));
  }
});

test('all that rests on a failed write fails with it, conflicts too', async () => {
  const { log, disk } = await openFailing();
  await appended(log, notes('a', ['1']));
  disk.faultOf = once(BROKEN, 'write');
  const results = await Promise.all([
    log.append([notes('a', ['2'], 0), notes('b', ['3'])]),
    log.append([notes('a', ['4'], 1)]),
    log.append([notes('a', ['5'], 0)]),
  ]);
  expect(results.flat().map(outcome)).toEqual(Array(4).fill('log.write-failed'));
  expect([log.lastRevision('a'), log.lastRevision('b')]).toEqual([0, -1]);
  await appended(log, notes('a', ['2'], 0), notes('b', ['3'], 'none'));
  expect(texts(await everything(log))).toEqual(['1', '2', '3']);
});

test('a segment that cannot be begun fails the write that needs it, for certain', async () => {
  for (const operation of ['create', 'rename', 'syncFolder'] as const) {
    const { log, disk, reopen, crash } = await openFailing({ segmentBytesMax: 400 });
    const before = await appended(log, notes('a', ['x'.repeat(300)]));
    disk.faultOf = failing(BROKEN, operation);
    expect(await outcomes(log, 'a', ['refused'])).toEqual(['log.write-failed']);
    expect(await everything(log)).toEqual(before);
    disk.faultOf = failing(null);
    const later = await appended(log, notes('a', ['2'.repeat(300)], 0), notes('a', ['3'.repeat(300)], 1));
    expect(await everything(await reopen())).toEqual([...before, ...later]);
    expect(await everything(await crash())).toEqual([...before, ...later]);
  }
});

test('a subscriber misses and repeats nothing through failures', async () => {
  const { log, disk } = await openFailing({ segmentBytesMax: 1000 });
  const followed: unknown[] = [];
  const following = (async () => {
    for await (const { events } of log.subscribe(log.head())) followed.push(...texts(events));
  })();
  const written: string[] = [];
  for (let at = 0; at < 60; at += 1) {
    disk.faultOf = at % 3 === 1 ? once(at % 2 === 0 ? UNSYNCED : FULL, 'write') : failing(null);
    const [result] = await outcomes(log, 's', [`${at}`]);
    if (result === 'ok') written.push(`${at}`);
  }
  expect(written).toHaveLength(40);
  await vi.waitFor(() => expect(followed).toEqual(written));
  await log.close();
  await following;
});

test('a log that cannot be closed well gives its folder back', async () => {
  const { log, disk, reopen } = await openFailing();
  const before = await appended(log, notes('a', ['1']));
  disk.faultOf = failing(FULL, 'write', 'create', 'truncate', 'sync', 'close');
  await log.close();
  disk.faultOf = failing(null);
  expect(await everything(await reopen())).toEqual(before);
});

test('a log is not opened on a disk that refuses it, and is once it does not', async () => {
  const dir = tempFolder();
  const disk = new FailingDisk();
  disk.faultOf = failing(FULL, 'create');
  await expect(openLog(dir, { disk })).rejects.toThrow('ENOSPC');
  disk.faultOf = failing(null);
  const log = await openLog(dir, { disk });
  await appended(log, notes('a', ['1']));
  await log.close();
});

/** A log on a disk of which operations can be made to fail. */
async function openFailing(options: Partial<EmbeddedLogOptions> = {}) {
  const dir = tempFolder();
  const disk = new FailingDisk();
  let log = await openLog(dir, { disk, ...options });
  onTestFinished(() => log.close());
  const reopen = async (): Promise<EmbeddedLog> => {
    await log.close();
    disk.faultOf = failing(null);
    log = await openLog(dir, { disk, ...options });
    return log;
  };
  /** As after a kill: the close reaches nothing of the disk. */
  const crash = (): Promise<EmbeddedLog> => {
    disk.faultOf = failing(BROKEN, 'write', 'create', 'truncate', 'sync', 'rename');
    return reopen();
  };
  return { log, disk, reopen, crash };
}

async function outcomes(log: EmbeddedLog, stream: string, written: readonly string[]): Promise<string[]> {
  return (await log.append([notes(stream, written)])).map(outcome);
}

/** Makes these operations fail; none, without a fault. */
function failing(fault: Fault | null, ...operations: readonly Operation[]): FailingDisk['faultOf'] {
  return (operation) => (operations.includes(operation) ? fault : null);
}

/** Makes the next such operation fail. */
function once(fault: Fault, failed: Operation): FailingDisk['faultOf'] {
  let left = 1;
  return (operation) => {
    if (operation !== failed || left === 0) return null;
    left -= 1;
    return fault;
  };
}
