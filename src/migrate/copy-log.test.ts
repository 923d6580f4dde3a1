import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { systemEvents } from '#commands/system/events.ts';
import { defineEvent } from '#events/definition.ts';
import { type Codec, createCodec } from '#events/encoding.ts';
import type { NewEvent } from '#events/event.ts';
import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { readWrites } from '#log/embedded/write-reader.ts';
import type { RecordedWrite } from '#log/event-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import { tempFolder } from '#test/conformance/open-log.ts';
import { hashOf, SAMPLE_AT_MS } from '#test/conformance/sample-events.ts';
import { copyLog } from './copy-log.ts';
import { treeRoot } from './tree-root.ts';

// Heat was measured in packed tenths of a degree; since then it is a number with a name.
const tenths = {
  pack: ({ t }: { readonly [name: string]: unknown }) => Uint8Array.of(Number(t) * 10),
  unpack: (bytes: Uint8Array) => ({ t: bytes[0]! / 10 }),
};
const before = defineEvent({ type: 'HeatMeasured', schema: z.unknown(), packing: tenths });
const now = defineEvent({
  type: 'HeatMeasured',
  version: 2,
  schema: z.unknown(),
  upcasts: { 1: ({ t }) => ({ degrees: t! }) },
  packings: { 1: tenths },
});
const oldCodec = createCodec([before, ...systemEvents]);
const codec = createCodec([now, ...systemEvents]);

const ID = hashOf('a log');

async function open(dir: string, of: Codec = codec): Promise<LocalLog> {
  const identity = { id: ID, epoch: 3 };
  const log = await openEmbeddedLog({ dir, codec: of, durability: 'os', identity, segmentBytesMax: 8 * 1024 });
  onTestFinished(() => log.close());
  return log;
}

/** A log of writes of one to three events, the first half of them of an earlier version. */
async function sourceOf(writes: number): Promise<LocalLog> {
  const dir = tempFolder();
  for (const [half, of] of [oldCodec, codec].entries()) {
    const log = await open(dir, of);
    for (let at = 0; at < writes / 2; at += 1) {
      const events = Array.from({ length: 1 + (at % 3) }, (_, n): NewEvent => {
        const data = half === 0 ? { t: (at % 20) + n / 10 } : { degrees: at };
        const id = hashOf(`${half} ${at} ${n}`);
        const common = { at: SAMPLE_AT_MS, actor: 'admin', causation: null, keyMark: null };
        return { ...common, id, type: 'HeatMeasured', version: half + 1, data };
      });
      const [appended] = await log.append([{ stream: `room-${at % 7}`, expected: 'any', events }]);
      expect(appended!.ok).toBe(true);
    }
    await log.close();
  }
  return open(dir);
}

const engines = { from: 'embedded', to: 'kafka' } as const;
const copying = { engines, codec, checkpoint: null, clock: () => SAMPLE_AT_MS, onProgress: () => undefined };

async function writesOf({ dir }: LocalLog, to: number): Promise<readonly RecordedWrite[]> {
  return Array.fromAsync(readWrites(dir, codec, { after: 0, to }));
}

/** The target, whose import waits for `before` ahead of each write that it takes. */
function importing(target: LocalLog, before: (taken: number) => unknown): LocalLog {
  async function* taking(source: AsyncIterable<RecordedWrite>): AsyncGenerator<RecordedWrite> {
    let taken = 0;
    for await (const write of source) {
      await before(taken);
      taken += 1;
      yield write;
    }
  }
  const own: Pick<LocalLog, 'import'> = { import: (source) => target.import(taking(source)) };
  return new Proxy(target, {
    get(log, name) {
      const value = Reflect.get(name === 'import' ? own : log, name);
      return typeof value === 'function' ? value.bind(log) : value;
    },
  });
}

test('writes come over whole, in the bytes that every version of an event was written in', async () => {
  const source = await sourceOf(200);
  const dir = join(tempFolder(), 'log');
  const target = await open(dir);
  const size = source.headOffset();
  const { root, copied } = await copyLog({ source, target, ...copying });
  expect(copied).toBe(size);
  expect(await treeRoot(target.reader(), size, () => undefined)).toBe(root);
  const writes = await writesOf(target, size);
  expect(writes).toEqual(await writesOf(source, size));
  expect(new Set(writes.map(({ length }) => length))).toEqual(new Set([1, 2, 3]));
  expect(new Set(writes.flat().map(({ version }) => version))).toEqual(new Set([1, 2]));
  const last = target.reader().at(size + 1);
  expect(last).toMatchObject({
    type: 'LogMigrated',
    stream: `log-${ID}`,
    revision: 0,
    data: { ...engines, size, root },
  });
});

test('a copy that was cut short goes on, wherever it ended', async () => {
  const source = await sourceOf(60);
  const size = source.headOffset();
  const dir = join(tempFolder(), 'log');
  for (const writes of [0, 1, 7, 20]) {
    const target = await open(dir);
    const cutShort = (taken: number) => {
      if (taken === writes) throw new Error('cut short');
    };
    await expect(copyLog({ source, target: importing(target, cutShort), ...copying })).rejects.toThrow('cut short');
    await target.close();
  }
  const target = await open(dir);
  const there = target.headOffset();
  expect(there).toBeGreaterThanOrEqual(28);
  expect((await copyLog({ source, target, ...copying })).copied).toBe(size - there);
  expect(await writesOf(target, size)).toEqual(await writesOf(source, size));
  expect((await copyLog({ source, target, ...copying })).copied).toBe(0);
  expect(target.headOffset()).toBe(size + 1);
});

test('a source that is written to meanwhile is refused, and the copy goes on when it is not', async () => {
  const source = await sourceOf(10);
  const size = source.headOffset();
  const target = await open(join(tempFolder(), 'log'));
  const write = async (taken: number) => {
    if (taken > 0) return;
    const events = [{ ...source.reader().at(size), id: hashOf('meanwhile') }];
    await source.append([{ stream: 'room-1', expected: 'any', events }]);
  };
  await expect(copyLog({ source, target: importing(target, write), ...copying })).rejects.toMatchObject({
    code: 'migration.source-written',
  });
  expect((await copyLog({ source, target, ...copying })).copied).toBe(1);
  expect(target.headOffset()).toBe(size + 2);
});

test('a migrated log is migrated once more, and says so again', async () => {
  const [first, second] = [await sourceOf(4), await open(join(tempFolder(), 'log'))];
  await copyLog({ source: first, target: second, ...copying });
  const third = await open(join(tempFolder(), 'log'));
  const { size } = await copyLog({ source: second, target: third, ...copying });
  expect(third.reader().at(size)).toMatchObject({ type: 'LogMigrated', revision: 0 });
  expect(third.reader().at(size + 1)).toMatchObject({ type: 'LogMigrated', revision: 1, data: { size } });
});
