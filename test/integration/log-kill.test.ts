import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { RecordedEvent } from '#events/event.ts';
import { everything, expectWellFormed, texts } from '../conformance/log/results.ts';
import { openLog, tempFolder } from '../conformance/open-log.ts';
import { hashOf } from '../conformance/sample-events.ts';
import type { Acknowledged } from './log-writer.ts';

const WRITER = fileURLToPath(new URL('./log-writer.ts', import.meta.url));
const KILLS = 5;
const ACKNOWLEDGED_BEFORE_A_KILL = 150;

test('a process killed while it appends has kept every acknowledged write, whole and once', {
  timeout: 60_000,
}, async () => {
  const dir = tempFolder();
  const acknowledged: Acknowledged[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const writer = startWriter(dir, kill);
    const exited = once(writer, 'exit');
    const before = acknowledged.length;
    writer.on('message', (message: 'open' | Acknowledged) => {
      if (message !== 'open') acknowledged.push(message);
      if (acknowledged.length === before + ACKNOWLEDGED_BEFORE_A_KILL + 37 * kill) writer.kill('SIGKILL');
    });
    await exited;
    expect(acknowledged.length).toBeGreaterThan(before);

    const log = await openLog(dir);
    const events = await everything(log);
    expectWellFormed(events);
    expect(log.headOffset()).toBe(events.length);
    for (const { stream, texts: written, offset } of acknowledged) {
      const found = events.slice(offset - 1, offset - 1 + written.length);
      expect(texts(found)).toEqual(written);
      expect(found.every((event) => event.stream === stream)).toBe(true);
    }
    for (const { stream, texts: written } of acknowledged) {
      expect(texts(await log.keyed(stream, hashOf(written[0]!)))).toEqual(written);
    }
    expectWholeWrites(events);
    for (const [stream, own] of Map.groupBy(events, (event) => event.stream)) {
      expect(await Array.fromAsync(log.readStream(stream))).toEqual(own);
    }
    await log.close();
  }
});

test('a folder belongs to one process, until it ends in whatever way', { timeout: 30_000 }, async () => {
  const dir = tempFolder();
  const writer = startWriter(dir, 0);
  const exited = once(writer, 'exit');
  await once(writer, 'message');
  await expect(openLog(dir)).rejects.toMatchObject({
    code: 'log.locked',
    message: expect.stringContaining(`process ${writer.pid} on `),
  });
  writer.kill('SIGKILL');
  await exited;
  const log = await openLog(dir);
  await expect(openLog(dir)).rejects.toMatchObject({ code: 'log.locked' });
  await log.close();
  await (await openLog(dir)).close();
});

function startWriter(dir: string, life: number): ChildProcess {
  return fork(WRITER, [dir, String(life)], { execArgv: ['--disable-warning=ExperimentalWarning'] });
}

/** The text of each event says which of how many of its write it is. */
function expectWholeWrites(events: readonly RecordedEvent[]): void {
  for (let at = 0; at < events.length; ) {
    const [, write, first, size] = /^(\d+\.\d+\.\d+)\.(\d+)\/(\d+)\./.exec(String(events[at]!.data.text))!;
    expect(first).toBe('0');
    for (let index = 0; index < Number(size); index += 1) {
      expect(events[at + index]?.data.text).toMatch(new RegExp(`^${write}\\.${index}/`));
    }
    at += Number(size);
  }
}
