import { appendFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RecordedEvent } from '#events/event.ts';
import type { EventView } from '#events/event-view.ts';
import type { EmbeddedLog } from '#log/embedded/embedded-log.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
import type { LogReader } from '#log/log-reader.ts';
import { FailingDisk } from '#test/simulation/failing-disk.ts';
import { Random } from '#test/simulation/random.ts';
import { appended, everything } from '../conformance/log/results.ts';
import { openLog, tempFolder } from '../conformance/open-log.ts';
import { notes, point, sampleCodec } from '../conformance/sample-events.ts';

test('a reader beside the writer sees all that is synced, through new segments and failures', async () => {
  const random = Random.fresh();
  const dir = tempFolder();
  const disk = new FailingDisk();
  const log = await openLog(dir, { disk, segmentBytesMax: 3000 });
  const [fold, others] = [openLogReader(dir, sampleCodec), openLogReader(dir, sampleCodec)];
  const folded: RecordedEvent[] = [];
  const events: RecordedEvent[] = [];
  for (let round = 0; round < 150; round += 1) {
    if (random.chance(0.15)) failNext(disk, random);
    events.push(...(await write(log, random)));
    const head = log.headOffset();
    expect(head).toBe(events.length);
    // As a projection does: on and on, a step at a time.
    if (random.chance(0.7)) fold.visit(folded.length, head, (event) => folded.push((event as EventView).toRecorded()));
    expectSameAnywhere(others, events, random);
    expectSameAnywhere(log.reader(), events, random);
  }
  fold.visit(folded.length, events.length, (event) => folded.push((event as EventView).toRecorded()));
  const context = `seed ${random.seed}`;
  expect(folded, context).toEqual(events);
  expect(await everything(log), context).toEqual(events);
  expect([fold.id, fold.epoch]).toEqual([log.id, log.epoch]);
  fold.close();
  others.close();
  await log.close();
});

test('bytes that were not synced when a reader came past them are read again', async () => {
  const dir = tempFolder();
  const path = join(dir, '00000001.seg');
  const log = await openLog(dir);
  const events = await appended(log, notes('a', ['1']), notes('a', ['2']));
  const reader = openLogReader(dir, sampleCodec);
  const { size } = statSync(path);
  // What a write leaves behind that is cut off when its sync fails.
  appendFileSync(path, readFileSync(path).subarray(64));
  reader.visit(0, 2, () => undefined);
  truncateSync(path, size);
  events.push(...(await appended(log, notes('a', ['3']))));
  const seen: RecordedEvent[] = [];
  reader.visit(2, 3, (event) => seen.push((event as EventView).toRecorded()));
  expect(seen).toEqual(events.slice(2));
  await log.close();
});

test('a visitor may read elsewhere while it visits', async () => {
  const dir = tempFolder();
  const log = await openLog(dir, { segmentBytesMax: 1000 });
  const events = await appended(log, ...Array.from({ length: 50 }, (_, at) => notes(`s-${at % 3}`, [`${at}`])));
  const reader = openLogReader(dir, sampleCodec);
  const seen: string[] = [];
  reader.visit(0, 50, (event) => {
    expect(reader.at(51 - event.offset)).toEqual(events[50 - event.offset]);
    let inner = 0;
    reader.visit(10, 20, () => (inner += 1));
    expect(inner).toBe(10);
    seen.push(event.id);
  });
  expect(seen).toEqual(events.map(({ id }) => id));
  await log.close();
});

test('a visitor that throws leaves the reader usable', async () => {
  const dir = tempFolder();
  const log = await openLog(dir);
  await appended(log, ...Array.from({ length: 20 }, (_, at) => notes('a', [`${at}`])));
  const reader = log.reader();
  const stop = new Error('stop');
  expect(() =>
    reader.visit(0, 20, ({ offset }) => {
      if (offset === 7) throw stop;
    }),
  ).toThrow(stop);
  const seen: number[] = [];
  reader.visit(6, 20, ({ offset }) => seen.push(offset));
  expect(seen).toEqual(Array.from({ length: 14 }, (_, at) => at + 7));
  await log.close();
});

/** A few writes, of which a failing disk may refuse some; the events of the others. */
async function write(log: EmbeddedLog, random: Random): Promise<RecordedEvent[]> {
  const writes = Array.from({ length: 1 + random.below(5) }, () =>
    random.chance(0.5)
      ? notes(`s-${random.below(4)}`, ['n'.repeat(random.below(800))])
      : { stream: 'points', expected: 'any' as const, events: [point(random.below(256), 1)] },
  );
  const results = await log.append(writes);
  return results.flatMap((result) => (result.ok ? result.events : []));
}

/** The next write is refused once, having left all, some or none of its bytes. */
function failNext(disk: FailingDisk, random: Random): void {
  let left = 1;
  const written = random.pick([0, 0.5, 1]);
  disk.faultOf = (operation) => {
    if (operation !== 'write' || left === 0) return null;
    left -= 1;
    return { code: 'EIO', written };
  };
}

function expectSameAnywhere(reader: LogReader, events: readonly RecordedEvent[], random: Random): void {
  if (events.length === 0) return;
  const context = `seed ${random.seed}`;
  const offset = 1 + random.below(events.length);
  expect(reader.at(offset), context).toEqual(events[offset - 1]);
  const after = random.below(events.length);
  const to = after + random.below(events.length - after + 1);
  const seen: string[] = [];
  reader.visit(after, to, ({ id }) => seen.push(id));
  expect(seen, context).toEqual(events.slice(after, to).map(({ id }) => id));
  const time = events[offset - 1]!.recordedAt;
  const last = events.findLastIndex(({ recordedAt }) => recordedAt <= time) + 1;
  expect(reader.offsetAtTime(time, events.length), context).toBe(last);
}
