import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, write } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boardEvents } from '#commands/boards/events.ts';
import { createCodec } from '#events/encoding.ts';
import type { NewEvent } from '#events/event.ts';
import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import type { EventLog } from '#log/event-log.ts';
import { type Options, program, type Row } from './load/program.ts';

type Case = { readonly callers: number; readonly batch: number; readonly streams: number };

const ROUNDS = 3;
const MANY_STREAMS = 10_000;
const CASES: readonly Case[] = [
  { callers: 1, batch: 1, streams: 1 },
  { callers: 64, batch: 1, streams: 1 },
  { callers: 256, batch: 1, streams: 1 },
  { callers: 1024, batch: 1, streams: 1 },
  { callers: 1, batch: 1, streams: MANY_STREAMS },
  { callers: 64, batch: 1, streams: MANY_STREAMS },
  { callers: 256, batch: 1, streams: MANY_STREAMS },
  { callers: 1024, batch: 1, streams: MANY_STREAMS },
  { callers: 1, batch: 64, streams: MANY_STREAMS },
  { callers: 64, batch: 16, streams: MANY_STREAMS },
];

/** Bytes that a write of one pixel takes in a segment, with its share of nothing: what the bare side writes a record. */
const RECORD_BYTES = 91;

const codec = createCodec(boardEvents);

await program({
  file: 'bench/append.ts',
  about:
    'Writes a second into the embedded log: callers that each append a batch of pixels and wait for the answer, which comes\n' +
    'after the sync; beside it, in turns, one bare write of as many records of the same size and one fdatasync. The ratio is\n' +
    'of the medians. The goal is 0.5 from 64 callers up, and one stream as fast as many.',
  seconds: 1,
  run,
});

async function run({ seconds, json }: Options): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const appended of CASES) {
    if (!json)
      process.stderr.write(`${appended.callers} callers, ${appended.batch} a call, ${appended.streams} streams\n`);
    rows.push(await measure(appended, seconds));
  }
  return rows;
}

async function measure(appended: Case, seconds: number): Promise<Row> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-append-'));
  const log = await openEmbeddedLog({ dir: join(dir, 'log'), codec, durability: 'fsync', report: console.error });
  const records = appended.callers * appended.batch;
  const [ours, bare]: [number[], number[]] = [[], []];
  // A first round, not counted, warms both up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const [a, b] = [await appends(log, appended, seconds), await bareWrites(join(dir, 'bare'), records, seconds)];
    if (round === 0) continue;
    ours.push(a);
    bare.push(b);
  }
  await log.close();
  rmSync(dir, { recursive: true });
  const [a, b] = [median(ours), median(bare)];
  const { callers, batch, streams } = appended;
  return { callers, 'a call': batch, streams, 'writes/s': a, 'bare/s': b, ratio: a / b };
}

/** Writes a second by callers that wait for each answer. */
async function appends(log: EventLog, { callers, batch, streams }: Case, seconds: number): Promise<number> {
  const [start, until] = [performance.now(), performance.now() + seconds * 1000];
  let [writes, next] = [0, 0];
  const caller = async () => {
    while (performance.now() < until) {
      const results = await log.append(
        Array.from({ length: batch }, () => {
          next += 1;
          return { stream: `tile-wall-0-${next % streams}`, expected: 'any', events: [pixel(next)] } as const;
        }),
      );
      for (const result of results) if (!result.ok) throw result.error;
      writes += batch;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (writes / (performance.now() - start)) * 1000;
}

/** Records a second: all of a round in one write, then one fdatasync. */
async function bareWrites(path: string, records: number, seconds: number): Promise<number> {
  const fd = openSync(path, 'w');
  const bytes = Buffer.alloc(records * RECORD_BYTES, 'strata');
  const [start, until] = [performance.now(), performance.now() + seconds * 1000];
  let [rounds, position] = [0, 0];
  while (performance.now() < until) {
    await done((callback) => write(fd, bytes, 0, bytes.length, position, callback));
    await done((callback) => fdatasync(fd, callback));
    position += bytes.length;
    rounds += 1;
  }
  const perSecond = ((rounds * records) / (performance.now() - start)) * 1000;
  closeSync(fd);
  return perSecond;
}

function pixel(number: number): NewEvent {
  return {
    id: number.toString(16).padStart(32, '0'),
    type: 'PixelPlaced',
    version: 1,
    at: 1_700_000_000_000 + number,
    actor: 'account:acme',
    causation: null,
    keyMark: null,
    data: { board: 'wall', x: number & 255, y: (number >> 8) & 255, color: number & 15 },
  };
}

function done(start: (callback: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error === null ? resolve() : reject(error))));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
