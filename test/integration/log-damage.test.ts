import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RecordedEvent } from '#events/event.ts';
import type { EventView } from '#events/event-view.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
import { isStrataError } from '#src/errors.ts';
import { Random } from '#test/simulation/random.ts';
import { appended, everything, texts } from '../conformance/log/results.ts';
import { openLog, tempFolder } from '../conformance/open-log.ts';
import { note, notes, point, sampleCodec } from '../conformance/sample-events.ts';

const SEGMENT_BYTES_MAX = 600;
const SECTOR_BYTES = 512;
const TAILS = 120;
/** Where nothing waits for a disk: these tests are about bytes. */
const PARENT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

test('no flipped bit of a closed log is ever read as something else', { timeout: 60_000 }, async () => {
  const dir = tempFolder(PARENT);
  const events = await smallLog(dir);
  const files = filesOf(dir, /\.(seg|idx)$/);
  expect(files.filter((name) => name.endsWith('.seg')).length).toBeGreaterThan(2);
  let [flipped, found] = [0, 0];
  for (const name of files) {
    const path = join(dir, name);
    const intact = readFileSync(path);
    for (let bit = 0; bit < intact.length * 8; bit += 1) {
      writeFileSync(path, withFlipped(intact, bit));
      flipped += 1;
      if (!readsAll(dir, events, `bit ${bit} of ${name}`)) found += 1;
    }
    writeFileSync(path, intact);
  }
  // What may go unnoticed is in the mark of the clean close and in indexes, which are made again.
  const segmentBits = files.reduce(
    (bits, name) => bits + (name.endsWith('.seg') ? statSync(join(dir, name)).size * 8 : 0),
    0,
  );
  expect(flipped).toBeGreaterThan(segmentBits - 1);
  expect(found).toBeGreaterThan(segmentBits - 50 * 8);
});

test('a log with a flipped bit is opened whole, or refused by naming the position', { timeout: 60_000 }, async () => {
  const dir = tempFolder(PARENT);
  const events = await smallLog(dir);
  const random = Random.fresh();
  for (const name of filesOf(dir, /\.seg$/)) {
    const path = join(dir, name);
    const intact = readFileSync(path);
    for (let byte = 0; byte < intact.length; byte += 17) {
      const bit = byte * 8 + random.below(8);
      const copy = tempFolder(PARENT);
      cpSync(dir, copy, { recursive: true });
      writeFileSync(join(copy, name), withFlipped(intact, bit));
      await expectWholeOrNamed(copy, events, `bit ${bit} of ${name}`);
    }
  }
});

test('a missing or exchanged segment is damage', async () => {
  const dir = tempFolder(PARENT);
  await smallLog(dir);
  const segments = filesOf(dir, /\.seg$/);
  const damages: ((copy: string) => void)[] = [
    (copy) => copyFileSync(join(dir, segments[1]!), join(copy, segments[2]!)),
    (copy) => writeFileSync(join(copy, segments[1]!), readFileSync(join(dir, segments[1]!)).subarray(0, 200)),
    (copy) => writeFileSync(join(copy, segments[0]!), Buffer.alloc(0)),
    (copy) => writeFileSync(join(copy, segments.at(-1)!), Buffer.alloc(0)),
  ];
  for (const damage of damages) {
    const copy = tempFolder(PARENT);
    cpSync(dir, copy, { recursive: true });
    damage(copy);
    await expect(openLog(copy)).rejects.toMatchObject({
      code: 'log.corrupt',
      message: expect.stringMatching(/position \d+/),
    });
  }
});

test('a torn tail costs at most the last write, and damage before it is named', { timeout: 60_000 }, async () => {
  const random = Random.fresh();
  const { segment, events, lastAt } = await unclosedSegment(random);
  for (let round = 0; round < TAILS; round += 1) {
    // Half of the damage is where it may be after a crash, half reaches into what had been synced.
    const from = random.chance(0.5) ? lastAt + random.below(segment.length - lastAt) : random.below(segment.length);
    const damaged = damage(segment, from, random);
    const context = `seed ${random.seed}, round ${round}, from byte ${from} (the last write begins at ${lastAt})`;
    const dir = tempFolder(PARENT);
    writeFileSync(join(dir, '00000001.seg'), damaged);
    const reports: string[] = [];
    const log = await openLog(dir, { report: (message) => reports.push(message) }).catch((error) => {
      if (!isStrataError(error, 'log.corrupt')) throw new Error(context, { cause: error });
      expect(error.message).toMatch(/position \d+/);
      return null;
    });
    const read = log === null ? [] : await everything(log);
    expect(read, context).toEqual(events.slice(0, read.length));
    const isEarlierIntact = damaged.subarray(0, lastAt).equals(segment.subarray(0, lastAt));
    const isLastIntact = damaged.subarray(lastAt).equals(segment.subarray(lastAt));
    // Where the last write is damaged too, nothing is left to say that the one before it had been synced.
    if (isEarlierIntact) expect(read, context).toHaveLength(events.length - (isLastIntact ? 0 : 1));
    else if (isLastIntact) expect(log, context).toBeNull();
    if (log === null) continue;
    const hasRest = !isLastIntact && damaged.length > lastAt;
    if (isEarlierIntact && hasRest) expect(reports.join(), context).toContain('cut-');
    if (isEarlierIntact && hasRest) expect(filesOf(dir, /^cut-.*\.bytes$/)).toHaveLength(1);
    const [after] = await appended(log, notes('after', ['a']));
    await log.close();
    const again = await openLog(dir);
    expect(await everything(again)).toEqual([...read, after]);
    await again.close();
  }
});

/** A closed log of a few segments. */
async function smallLog(dir: string): Promise<RecordedEvent[]> {
  const log = await openLog(dir, { segmentBytesMax: SEGMENT_BYTES_MAX });
  for (let at = 0; at < 7; at += 1) {
    await appended(
      log,
      { stream: 'a', expected: 'any', events: [note(`text ${at}`), point(at, at)] },
      notes('b', ['b']),
    );
  }
  const events = await everything(log);
  await log.close();
  return events;
}

/** A log's only segment as a crash leaves it, and where its last write begins. */
async function unclosedSegment(random: Random) {
  const dir = tempFolder(PARENT);
  const path = join(dir, '00000001.seg');
  const log = await openLog(dir);
  const events: RecordedEvent[] = [];
  for (let at = 0; at < 12; at += 1) events.push(...(await appended(log, notes('a', ['t'.repeat(random.below(900))]))));
  const lastAt = statSync(path).size;
  events.push(...(await appended(log, notes('a', ['u'.repeat(3000)]))));
  const segment = readFileSync(path);
  await log.close();
  return { segment, events, lastAt };
}

/** Cuts, zeroes or exchanges what lies from `from` on. */
function damage(segment: Buffer, from: number, random: Random): Buffer {
  const damaged = Buffer.from(segment);
  switch (random.below(3)) {
    case 0:
      return damaged.subarray(0, from);
    case 1:
      return damaged.fill(0, from, Math.min(segment.length, from + 1 + random.below(2 * SECTOR_BYTES)));
    default: {
      const length = Math.min(SECTOR_BYTES, Math.floor((segment.length - from) / 2));
      segment.copy(damaged, from, from + length, from + 2 * length);
      segment.copy(damaged, from + length, from, from + length);
      return damaged;
    }
  }
}

/** True when all events were read; else an error said so, and what was read before it was right. */
function readsAll(dir: string, events: readonly RecordedEvent[], context: string): boolean {
  const read: RecordedEvent[] = [];
  try {
    const reader = openLogReader(dir, sampleCodec);
    reader.visit(0, events.length, (event) => read.push((event as EventView).toRecorded()));
  } catch (error) {
    if (!isStrataError(error, 'log.corrupt') && !isStrataError(error, 'log.unknown-format'))
      throw new Error(context, { cause: error });
    if (!/position \d+/.test(error.message)) throw new Error(context, { cause: error });
    expect(read.length, context).toBeLessThan(events.length);
  }
  if (!sameEvents(read, events)) throw new Error(`${context}: something else was read`);
  return read.length === events.length;
}

/** `read` is a beginning of `events`: without the cost of a matcher, for it is asked for every bit. */
function sameEvents(read: readonly RecordedEvent[], events: readonly RecordedEvent[]): boolean {
  return JSON.stringify(read) === JSON.stringify(events.slice(0, read.length));
}

async function expectWholeOrNamed(dir: string, events: readonly RecordedEvent[], context: string): Promise<void> {
  try {
    const log = await openLog(dir);
    try {
      expect(texts(await everything(log)), context).toEqual(texts(events));
    } finally {
      await log.close();
    }
  } catch (error) {
    if (!isStrataError(error, 'log.corrupt')) throw new Error(context, { cause: error });
    expect(error.message, context).toMatch(/position \d+/);
  }
}

function withFlipped(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}

function filesOf(dir: string, pattern: RegExp): string[] {
  mkdirSync(dir, { recursive: true });
  return readdirSync(dir)
    .filter((name) => pattern.test(name))
    .sort();
}
