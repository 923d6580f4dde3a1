import { expect } from 'vitest';
import type { RecordedEvent } from '#events/event.ts';
import type { RecordedWrite } from '#log/event-log.ts';
import type { Declare } from '../event-log.suite.ts';
import { hashOf, note, notes, point, SAMPLE_AT_MS } from '../sample-events.ts';
import { appended, asOpenedTwice, everything, expectWellFormed, outcome, texts } from './results.ts';

/** Closing, opening again, and a log that comes from elsewhere. */
export function lifecycle(declare: Declare): void {
  declare('a log that is opened again is the same', async ({ log, reopen }) => {
    const events = await appended(log, notes('a', ['1', '2']), notes('b', ['3']));
    const { id, epoch } = log;
    const head = log.head();
    const again = await reopen();
    expect({ id: again.id, epoch: again.epoch, head: again.head() }).toEqual({ id, epoch, head });
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(await everything(again)).toEqual(events);
    await appended(again, notes('a', ['4'], 1));
    const third = await reopen();
    expect(texts(await everything(third))).toEqual([...texts(events), '4']);
  });

  declare('an empty log that is opened again is empty', async ({ log, reopen }) => {
    const { id } = log;
    await reopen();
    const again = await reopen();
    expect(again.id).toBe(id);
    expect(await everything(again)).toEqual([]);
    await appended(again, notes('a', ['1'], 'none'));
    expect(await everything(await reopen())).toHaveLength(1);
  });

  declare('closing writes what was handed over, and nothing after', async ({ log, reopen }) => {
    const appending = log.append([notes('a', ['1']), notes('a', ['2'])]);
    const closing = log.close();
    const refused = await log.append([notes('a', ['3'])]);
    expect(refused.map(outcome)).toEqual(['log.closed']);
    await closing;
    await log.close();
    expect((await appending).map(outcome)).toEqual(['ok', 'ok']);
    expect((await log.append([notes('a', ['4'])])).map(outcome)).toEqual(['log.closed']);
    expect(texts(await everything(await reopen()))).toEqual(['1', '2']);
  });

  declare('a closed log is not read any more', async ({ log }) => {
    await appended(log, notes('a', ['1']));
    await log.close();
    const closed = expect.objectContaining({ code: 'log.closed' });
    const reads = [
      async () => Array.fromAsync(log.readAll()),
      async () => Array.fromAsync(log.readAll({ backwards: true })),
      async () => Array.fromAsync(log.readStream('a')),
      async () => Array.fromAsync(log.readStream('b')),
      async () => log.keyed('a', hashOf('key')),
      async () => log.positionAt(new Date()),
    ];
    for (const read of reads) await expect(read()).rejects.toEqual(closed);
  });

  declare('a read that is under way when the log closes goes on or says so', async ({ log }) => {
    await appended(log, ...Array.from({ length: 3000 }, (_, at) => notes('a', [`${at}`])));
    const reads = [log.readAll(), log.readAll({ backwards: true }), log.readStream('a')].map(async (events) => {
      let read = 0;
      for await (const _ of events) {
        read += 1;
        if (read === 1) await log.close();
      }
      return read;
    });
    for (const result of await Promise.allSettled(reads)) {
      if (result.status === 'fulfilled') expect(result.value).toBe(3000);
      else expect(result.reason).toMatchObject({ code: 'log.closed' });
    }
  });

  declare('every stream is in a partition that is here', async ({ log }) => {
    for (const stream of ['a', 'b', 'tile-wall-0-0']) {
      const partition = log.partitionOf(stream);
      expect(log.partitionOf(stream)).toBe(partition);
      expect(log.ownerOf(partition)).toBe('here');
      const [event] = await appended(log, notes(stream, ['1']));
      // All events lie in one order, however many partitions are written to.
      expect(log.head().offsets).toHaveProperty(String(event!.partition));
    }
  });

  declare('imported events keep their ids, revisions and times', async ({ log, clock, reopen }) => {
    const keyMark = { key: hashOf('key'), body: hashOf('body') };
    const sources = [
      note('1'),
      point(3, 4, { keyMark }),
      point(5, 6, { keyMark }),
      note('2', { causation: hashOf('c') }),
    ];
    const elsewhere: RecordedEvent[] = sources.map((event, at) => ({
      ...event,
      stream: at === 3 ? 'b' : 'a',
      revision: at === 3 ? 0 : at,
      // Another engine's: neither dense nor of one partition.
      partition: at % 2,
      offset: 1000 + 17 * at,
      // A write's events are recorded at once.
      recordedAt: SAMPLE_AT_MS - 5000 + (at === 2 ? 1 : at),
    }));
    async function* source(): AsyncIterable<RecordedWrite> {
      yield elsewhere.slice(0, 1);
      yield elsewhere.slice(1, 3);
      yield elsewhere.slice(3);
    }
    const head = await log.import(source());
    expect(head).toEqual(log.head());
    clock.nowMs = SAMPLE_AT_MS - 60_000;
    await appended(log, notes('a', ['3'], 2));
    for await (const opened of asOpenedTwice({ log, reopen })) {
      const all = await everything(opened);
      const keptOf = ({ partition, offset, ...kept }: RecordedEvent) => kept;
      expect(all.slice(0, 4).map(keptOf)).toEqual(elsewhere.map(keptOf));
      expect(all[4]!.recordedAt).toBe(elsewhere[3]!.recordedAt);
      expectWellFormed(all);
      expect(await opened.keyed('a', keyMark.key)).toEqual(all.slice(1, 3));
      expect(opened.lastRevision('a')).toBe(3);
    }
  });

  declare('events are imported into an empty log only', async ({ log }) => {
    const [event] = await appended(log, notes('a', ['1']));
    async function* source(): AsyncIterable<RecordedWrite> {
      yield [{ ...event!, id: hashOf('other'), revision: 1, offset: 2 }];
    }
    await expect(log.import(source())).rejects.toThrow();
    expect(await everything(log)).toEqual([event]);
  });

  declare('an import that ended early goes on, and nothing is appended until it has ended well', async ({ reopen }) => {
    const all = Array.from({ length: 6 }, (_, at): RecordedEvent => {
      const place = { stream: 'a', revision: at, partition: 0, offset: at + 1, recordedAt: SAMPLE_AT_MS + at };
      return { ...note(`${at}`), ...place };
    });
    let log = await reopen();
    async function* broken(): AsyncIterable<RecordedWrite> {
      yield all.slice(0, 2);
      yield all.slice(2, 3);
      throw new Error('the source is gone');
    }
    await expect(log.import(broken())).rejects.toThrow('the source is gone');
    log = await reopen();
    expect(await log.append([{ stream: 'b', expected: 'any', events: [note('x')] }])).toMatchObject([{ ok: false }]);
    // How much of it came in before is the engine's to say.
    const [taken = 0] = log.head().offsets;
    async function* rest(): AsyncIterable<RecordedWrite> {
      yield* all.slice(taken).map((event) => [event]);
    }
    await log.import(rest());
    await appended(log, notes('a', ['7'], 5));
    expect((await everything(await reopen())).slice(0, 6).map(({ id }) => id)).toEqual(all.map(({ id }) => id));
  });

  declare('many imported events are all there', async ({ log, reopen }) => {
    const count = 5000;
    async function* source(): AsyncIterable<RecordedWrite> {
      for (let at = 0; at < count; at += 1) {
        const event = note(`${at}${'x'.repeat(200)}`);
        const place = { stream: `s-${at % 10}`, revision: Math.floor(at / 10), partition: 0, offset: at + 1 };
        yield [{ ...event, ...place, recordedAt: SAMPLE_AT_MS + at }];
      }
    }
    await log.import(source());
    const all = await everything(await reopen());
    expect(all).toHaveLength(count);
    expectWellFormed(all);
  });
}
