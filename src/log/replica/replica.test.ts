import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { tempFolder } from '#test/conformance/open-log.ts';
import { hashOf, note, SAMPLE_AT_MS, sampleCodec } from '#test/conformance/sample-events.ts';
import type { RecordedWrite } from '../event-log.ts';
import { openReplica, type Replica } from './replica.ts';

const ID = hashOf('an engine');
const state = z.object({ place: z.int() });

async function open(dir: string, { id = ID, epoch = 1, source = 'a topic' } = {}): Promise<Replica<{ place: number }>> {
  const replica = await openReplica({ dir, id, epoch, source, codec: sampleCodec, state });
  onTestFinished(() => replica.close());
  return replica;
}

/** Writes to one stream, of `sizes` events; the times go up and down. */
function writesOf(sizes: readonly number[], firstRevision = 0, stream = 's'): RecordedWrite[] {
  let revision = firstRevision;
  return sizes.map((size, number) => {
    const recordedAt = SAMPLE_AT_MS + (number % 2 === 0 ? 1000 : 500) + revision;
    return Array.from({ length: size }, () => {
      const event = note(`${stream} ${revision}`);
      const id = hashOf(`${stream} ${revision}`);
      return { ...event, id, stream, revision: revision++, partition: 7, offset: 99, recordedAt };
    });
  });
}

async function idsOf(replica: Replica<unknown>): Promise<string[]> {
  return (await Array.fromAsync(replica.log.readAll())).map(({ id }) => id);
}

test('writes lie in the order that they came in, with their revisions and times', async () => {
  const replica = await open(tempFolder());
  const writes = writesOf([2, 1, 3]);
  const placed = await replica.replicate(writes);
  expect(placed.flat().map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 5, 6]);
  const kept = (await Array.fromAsync(replica.log.readAll())).map(({ offset, partition, ...event }) => event);
  expect(kept).toEqual(writes.flat().map(({ offset, partition, ...event }) => event));
  expect(replica.log.lastRevision('s')).toBe(5);
});

test('a time finds the last position at which no later event had been recorded', async () => {
  const dir = tempFolder();
  let replica = await open(dir);
  await replica.replicate(writesOf([1, 1, 1, 1]));
  // Recorded at 1000, 501, 1002 and 503 ms.
  for (const again of [false, true]) {
    if (again) {
      await replica.close();
      replica = await open(dir);
    }
    const at = async (ms: number) => (await replica.log.positionAt(new Date(SAMPLE_AT_MS + ms))).offsets[0];
    expect(await at(700)).toBe(0);
    expect(await at(1000)).toBe(2);
    expect(await at(1001)).toBe(2);
    expect(await at(1002)).toBe(4);
  }
});

test('a replica goes on at the place that was saved, and knows again what came in after it', async () => {
  const dir = tempFolder();
  const first = await open(dir);
  expect(first.saved).toBeNull();
  await first.replicate(writesOf([1, 1]));
  await first.save({ place: 2 });
  await first.replicate(writesOf([2, 1], 2));
  await first.close();

  const second = await open(dir);
  expect(second.saved).toEqual({ place: 2 });
  const placed = await second.replicate(writesOf([2, 1, 1], 2));
  expect(placed.flat().map(({ offset }) => offset)).toEqual([3, 4, 5, 6]);
  expect(await idsOf(second)).toEqual([0, 1, 2, 3, 4, 5].map((revision) => hashOf(`s ${revision}`)));
});

test('what could not be taken in is given again, with what was known', async () => {
  const dir = tempFolder();
  const first = await open(dir);
  await first.replicate(writesOf([1, 2]));
  await first.close();

  let isReachable = false;
  const prepare = async () => {
    if (!isReachable) throw new Error('the keys cannot be had');
  };
  const second = await openReplica({ dir, id: ID, epoch: 1, source: 'a topic', codec: sampleCodec, state, prepare });
  onTestFinished(() => second.close());
  await expect(second.replicate(writesOf([1, 2, 1]))).rejects.toThrow('cannot be had');
  isReachable = true;
  const placed = await second.replicate(writesOf([1, 2, 1]));
  expect(placed.flat().map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
});

test('a replica of another log, of another epoch, or read from elsewhere is made again', async () => {
  for (const other of [{ id: hashOf('another engine') }, { epoch: 2 }, { source: 'another topic' }]) {
    const dir = tempFolder();
    const first = await open(dir);
    await first.replicate(writesOf([3]));
    await first.save({ place: 1 });
    await first.close();
    const second = await open(dir, other);
    expect(second.saved).toBeNull();
    expect(second.log.headOffset()).toBe(0);
    await second.replicate(writesOf([1], 0, 'other'));
    expect(await idsOf(second)).toEqual([hashOf('other 0')]);
  }
});

test('a replica that lost events behind its place is made again', async () => {
  const dir = tempFolder();
  const first = await open(dir);
  await first.replicate(writesOf([3]));
  await first.save({ place: 1 });
  await first.close();
  rmSync(join(dir, '00000001.seg'));
  const second = await open(dir);
  expect(second.saved).toBeNull();
  expect(second.log.headOffset()).toBe(0);
});

test('an engine that tells another history than before is refused, and the next start believes it', async () => {
  const dir = tempFolder();
  const first = await open(dir);
  await first.replicate(writesOf([2]));
  await first.close();
  const second = await open(dir);
  await expect(second.replicate(writesOf([2], 0, 'other'))).rejects.toMatchObject({ code: 'log.other-engine' });
  await second.close();
  const third = await open(dir);
  await third.replicate(writesOf([2], 0, 'other'));
  expect(await idsOf(third)).toEqual([hashOf('other 0'), hashOf('other 1')]);
});
