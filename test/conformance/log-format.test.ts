import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { expect, test } from 'vitest';
import { openLog, tempFolder } from './open-log.ts';
import { notes, SAMPLE_AT_MS, sampleCodec } from './sample-events.ts';

const number = (bytes: Buffer, at: number) => bytes.readUIntLE(at, 6);

/** Reads a segment by `docs/reference/log-format.md` alone. */
function readSegment(bytes: Buffer) {
  expect(bytes.toString('hex', 0, 8)).toBe('f5535452415441fa');
  expect(bytes.readUInt32LE(60)).toBe(crc32c(bytes.subarray(0, 60)));
  const logId = bytes.toString('hex', 16, 32);
  const header = {
    format: bytes.readUInt16LE(8),
    epoch: bytes.readUInt32LE(12),
    number: number(bytes, 32),
    first: number(bytes, 38),
    previousLength: number(bytes, 44),
  };
  const seed = crc32c(`${logId}.${header.epoch}`);
  const groups = [];
  for (let at = 64; at < bytes.length; ) {
    expect(bytes.toString('hex', at, at + 4)).toBe('f55347fa');
    const end = at + 44 + bytes.readUInt32LE(at + 4);
    expect(bytes.readUInt32LE(at + 36)).toBe(crc32c(bytes.subarray(at + 44, end), seed));
    expect(bytes.readUInt32LE(at + 40)).toBe(crc32c(bytes.subarray(at, at + 40), seed));
    const frames: Buffer[][] = [];
    for (let frame = at + 44; frame < end; ) {
      const frameEnd = frame + 6 + bytes.readUInt32LE(frame);
      const events: Buffer[] = [];
      for (let event = frame + 6; event < frameEnd; ) {
        const next = event + 4 + bytes.readUInt32LE(event);
        events.push(bytes.subarray(event + 4, next));
        event = next;
      }
      expect(events).toHaveLength(bytes.readUInt16LE(frame + 4));
      frames.push(events);
      frame = frameEnd;
    }
    groups.push({
      events: bytes.readUInt32LE(at + 8),
      isEndMark: bytes.readUInt32LE(at + 12) === 1,
      first: number(bytes, at + 16),
      synced: number(bytes, at + 22),
      recordedAt: number(bytes, at + 28),
      frames,
    });
    at = end;
  }
  return { logId, header, groups };
}

test('segments are what the reference says', async () => {
  const dir = tempFolder();
  const log = await openLog(dir, { clock: () => SAMPLE_AT_MS, segmentBytesMax: 600 });
  await log.append([notes('a', ['one', 'two']), notes('b', ['three'])]);
  await log.append([notes('a', ['four'])]);
  await log.append([notes('c', ['five'.repeat(20)])]);
  const events = await Array.fromAsync(log.readAll());
  await log.close();

  const files = readdirSync(dir).filter((name) => name.endsWith('.seg'));
  const contents = files.map((name) => readFileSync(join(dir, name)));
  const segments = contents.map(readSegment);
  expect(files).toEqual(segments.map((_, at) => `${String(at + 1).padStart(8, '0')}.seg`));
  expect(files.length).toBeGreaterThan(1);

  segments.forEach(({ logId, header, groups }, at) => {
    expect(logId).toBe(log.id);
    const previousLength = at === 0 ? 0 : contents[at - 1]!.length;
    expect(header).toEqual({ format: 1, epoch: 1, number: at + 1, first: groups[0]!.first, previousLength });
  });
  const groups = segments.flatMap((segment) => segment.groups);
  let next = 1;
  for (const { first, events: count, synced, isEndMark, recordedAt } of groups) {
    // One write at a time, each synced before the next: all before it was on the disk.
    expect({ first, synced, isEndMark, recordedAt }).toEqual({
      first: next,
      synced: next - 1,
      isEndMark: count === 0,
      recordedAt: SAMPLE_AT_MS,
    });
    next += count;
  }
  expect(groups.at(-1)!.isEndMark).toBe(true);
  const frames = groups.flatMap((group) => group.frames);
  expect(frames.map((frame) => frame.length)).toEqual([2, 1, 1, 1]);
  expect(frames.flat()).toEqual(events.map((event) => sampleCodec.bytes(event)));
});
