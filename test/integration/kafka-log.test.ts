import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { crc32c } from '@node-rs/crc32';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Membership } from '#cluster/membership.ts';
import type { RecordedEvent } from '#events/event.ts';
import { kafkaClient } from '#log/kafka/client.ts';
import { recordSeed } from '#log/kafka/record.ts';
import { kafkaSettings } from '#log/kafka/url.ts';
import type { LocalLog } from '#log/local-log.ts';
import { appended, everything, expectWellFormed, outcome } from '../conformance/log/results.ts';
import { tempFolder } from '../conformance/open-log.ts';
import { hashOf, notes } from '../conformance/sample-events.ts';
import { hasKafka, sharedKafka } from './kafka-brokers.ts';
import { openMember, ownsAll, topicUrl, until } from './kafka-members.ts';

const PARTITIONS = 3;
const STREAMS = Array.from({ length: 12 }, (_, at) => `s-${at}`);

async function open(url: string, dir: string, options: Partial<Parameters<typeof openMember>[0]> = {}) {
  const log = await openMember({ url, dir, ...options });
  onTestFinished(() => log.close());
  return log;
}

/** Appends until it is answered with certainty that it is in the log: what moves is asked again. */
async function append(logs: readonly LocalLog[], stream: string, text: string): Promise<RecordedEvent> {
  const endMs = performance.now() + 20_000;
  for (;;) {
    for (const log of logs) {
      const [result] = await log.append([notes(stream, [text])]);
      if (result!.ok) return result!.events[0]!;
      if (result!.error.code !== 'partition.moving' || performance.now() > endMs) throw result!.error;
    }
    // Refusals come without waiting.
    await setImmediate();
  }
}

/** Both have the same events, once the one that is behind has caught up. */
async function expectSame(a: LocalLog, b: LocalLog): Promise<RecordedEvent[]> {
  await until(() => a.headOffset() === b.headOffset(), 'both members have the same head');
  const [events, others] = [await everything(a), await everything(b)];
  expect(others).toEqual(events);
  expect(events.map(({ offset }) => offset)).toEqual(events.map((_, at) => at + 1));
  return events;
}

function expectContiguous(events: readonly RecordedEvent[]): void {
  const revisions = new Map<string, number>();
  for (const { stream, revision } of events) {
    expect(revision).toBe((revisions.get(stream) ?? -1) + 1);
    revisions.set(stream, revision);
  }
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
}

describe.skipIf(!hasKafka())('members of a log on Kafka (skipped where none can be had)', () => {
  test('two members share the partitions, and have one order', async () => {
    const url = topicUrl(await sharedKafka(), PARTITIONS);
    const a = await open(url, tempFolder(), { address: 'http://a' });
    await ownsAll(a, PARTITIONS);
    const b = await open(url, tempFolder(), { address: 'http://b' });
    expect(b.id).toBe(a.id);
    const ownersOf = (log: LocalLog) => [0, 1, 2].map((partition) => log.ownerOf(partition));
    const isShared = (mine: LocalLog, other: LocalLog, address: string) =>
      ownersOf(mine).every((owner, partition) =>
        owner === 'here'
          ? JSON.stringify(other.ownerOf(partition)) === JSON.stringify({ address })
          : other.ownerOf(partition) === 'here',
      ) && ownersOf(mine).includes('here');
    await until(() => isShared(a, b, 'http://a') && isShared(b, a, 'http://b'), 'each owns some and knows the others');

    const made = await Promise.all(
      STREAMS.flatMap((stream) => Array.from({ length: 10 }, (_, at) => append([a, b], stream, `${at}`))),
    );
    const events = await expectSame(a, b);
    expect(events).toHaveLength(made.length);
    for (const event of made) expect(events[event.offset - 1]).toEqual(event);
    expectContiguous(events);
    const elsewhere = STREAMS.find((stream) => a.ownerOf(a.partitionOf(stream)) !== 'here')!;
    expect((await a.append([notes(elsewhere, ['no'])])).map(outcome)).toEqual(['partition.moving']);
    expect(a.lastRevision(elsewhere)).toBe(9);
  });

  test('a member that leaves hands over, and nothing that was answered is lost', async () => {
    const url = topicUrl(await sharedKafka(), PARTITIONS);
    const a = await open(url, tempFolder());
    await ownsAll(a, PARTITIONS);
    const b = await open(url, tempFolder());
    const answered: RecordedEvent[] = [];
    const writing = STREAMS.map(async (stream) => {
      for (let at = 0; at < 20; at += 1) {
        const logs = at < 8 ? [a, b] : [b, a];
        const event = await append(logs, stream, `${at}`).catch((error) => {
          // A member that closes says so.
          if (error.code !== 'log.closed') throw error;
          return append([b], stream, `${at}`);
        });
        answered.push(event);
        if (at === 10) void a.close();
      }
    });
    await Promise.all(writing);
    await ownsAll(b, PARTITIONS);
    const events = await everything(b);
    expect(events).toHaveLength(STREAMS.length * 20);
    for (const event of answered) expect(events[event.offset - 1]).toEqual(event);
    expectContiguous(events);
  });

  test('a member that is killed loses nothing that it had answered', async () => {
    const url = topicUrl(await sharedKafka(), PARTITIONS);
    const dir = tempFolder();
    const writer = spawn(process.execPath, ['test/integration/kafka-writer.ts', url, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => killed(writer));
    const answered: string[] = [];
    let isOpen = false;
    createInterface(writer.stdout).on('line', (line) => {
      if (line === 'open') isOpen = true;
      else answered.push(line);
    });
    await until(() => isOpen, 'the writer is open');
    const b = await open(url, tempFolder());
    await until(() => answered.length > 300, 'the writer writes');
    await killed(writer);
    await ownsAll(b, PARTITIONS);
    await append([b], 's-0', 'after');
    const events = await everything(b);
    expectContiguous(events);
    const ids = new Set(events.map(({ id }) => id));
    expect(answered.filter((id) => !ids.has(id))).toEqual([]);
    // It starts again from what its replica has.
    const again = await open(url, dir);
    await expectSame(again, b);
  });

  test('a member whose replica is gone has the same again, at the same positions', async () => {
    const url = topicUrl(await sharedKafka(), PARTITIONS);
    const a = await open(url, tempFolder());
    await ownsAll(a, PARTITIONS);
    for (let at = 0; at < 20; at += 1) await appended(a, ...STREAMS.map((stream) => notes(stream, [`${at}`, 'x'])));
    await a.close();
    const b = await open(url, tempFolder());
    const events = await everything(b);
    expect(events).toHaveLength(20 * STREAMS.length * 2);
    const dir = tempFolder();
    const c = await open(url, dir);
    expect(await everything(c)).toEqual(events);
    await c.close();
    await append([b], 's-3', 'more');
    await expectSame(await open(url, dir), b);
  });

  test('a log whose beginning was deleted on Kafka is refused, by members with a replica too', async () => {
    const url = topicUrl(await sharedKafka(), 1);
    const dir = tempFolder();
    const log = await openMember({ url, dir });
    await ownsAll(log, 1);
    await append([log], 's-1', 'first');
    await log.close();
    const settings = kafkaSettings(url);
    const admin = (await kafkaClient(settings)).admin();
    await admin.connect();
    await admin.fetchTopicMetadata({ topics: [settings.topic] });
    await expect
      .poll(() => admin.deleteTopicRecords({ topic: settings.topic, partitions: [{ partition: 0, offset: '-1' }] }), {
        timeout: 10_000,
      })
      .toBeUndefined();
    await admin.disconnect();
    for (const each of [dir, tempFolder()]) {
      await expect(openMember({ url, dir: each })).rejects.toMatchObject({ code: 'engine.misconfigured' });
    }
  }, 60_000);

  test('a member that meets what a later version wrote gives its partitions up, and says why', async () => {
    const url = topicUrl(await sharedKafka(), 1);
    const log = await open(url, tempFolder());
    await ownsAll(log, 1);
    const settings = kafkaSettings(url);
    const producer = (await kafkaClient(settings)).producer();
    await producer.connect();
    const later = Buffer.from([0, 0, 0, 0, 2, 1, 0, 0]);
    later.writeUInt32LE(crc32c(later.subarray(4), recordSeed(log.id, log.epoch)));
    await producer.send({ topic: settings.topic, messages: [{ value: later, partition: 0 }] });
    await producer.disconnect();
    await until(() => log.fault()?.code === 'log.unknown-format', 'the record was met');
    await until(() => log.ownerOf(0) === 'moving', 'the partition was given up');
  });

  test('members that both believe to own everything never agree to two histories', async () => {
    const url = topicUrl(await sharedKafka(), PARTITIONS);
    const stubborn = (name: string) => ({ membership: async () => new Stubborn(name) });
    const a = await open(url, tempFolder(), stubborn('a'));
    const b = await open(url, tempFolder(), stubborn('b'));
    const answered: RecordedEvent[] = [];
    let moved = 0;
    const writing = [a, b].flatMap((log) =>
      STREAMS.map(async (stream) => {
        for (let at = 0; at < 30; at += 1) {
          const [result] = await log.append([notes(stream, [`${at}`])]);
          if (result!.ok) answered.push(...result!.events);
          else if (result!.error.code === 'partition.moving') moved += 1;
          else throw result!.error;
          await setImmediate();
        }
      }),
    );
    await Promise.all(writing);
    const events = await expectSame(a, b);
    expect(events).toHaveLength(answered.length);
    for (const event of answered) expect(events[event.offset - 1]).toEqual(event);
    expectContiguous(events);
    expect(moved + answered.length).toBe(2 * STREAMS.length * 30);
  });

  test('commands and imports: what is imported in one order has it on Kafka', async () => {
    const url = topicUrl(await sharedKafka(), PARTITIONS);
    const a = await open(url, tempFolder());
    const writes = Array.from({ length: 3000 }, (_, at) => {
      const stream = STREAMS[(at * 7) % STREAMS.length]!;
      const [event] = notes(stream, [`${at}`]).events;
      return [
        { ...event!, stream, revision: Math.floor(at / 12), partition: 0, offset: at + 1, recordedAt: event!.at + at },
      ];
    });
    await a.import(
      (async function* () {
        yield* writes;
      })(),
    );
    const b = await open(url, tempFolder());
    const events = await expectSame(a, b);
    expect(events).toEqual(writes.flat());
    expectWellFormed(events);
  });
});

/** Believes to own everything, whatever the others do. */
class Stubborn implements Membership {
  readonly member: string;

  constructor(name: string) {
    this.member = hashOf(name);
  }

  assigned(): ReadonlySet<number> {
    return new Set(Array.from({ length: PARTITIONS }, (_, partition) => partition));
  }

  onChange(): void {}

  leaseUntilMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  setReady(): void {}

  async close(): Promise<void> {}
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
