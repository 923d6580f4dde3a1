import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boardEvents } from '#commands/boards/events.ts';
import { createCodec } from '#events/encoding.ts';
import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import type { EventLog, Write } from '#log/event-log.ts';
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

/** What a write of one pixel adds to a segment: the bare sides write records of as many bytes. */
const RECORD_BYTES = 91;

const codec = createCodec(boardEvents);

await program({
  file: 'bench/append.ts',
  about:
    'Writes a second into the embedded log: callers that each append a batch of pixels and wait for the answer, which comes\n' +
    'after the sync; beside it, in turns, bare writes of as many records of the same size and one fdatasync a round (`bare`),\n' +
    'and the same in one write a round (`joined`), which is what a disk can do. Medians; `ratio` is to `bare`. The goal is 0.5\n' +
    'from 64 callers up, and one stream as fast as many.',
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
  const ours: number[] = [];
  const bare: number[] = [];
  const joined: number[] = [];
  const barePath = join(dir, 'bare');
  // A first round, not counted, warms all up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    if (round === 1) ours.length = bare.length = joined.length = 0;
    ours.push(await appends(log, appended, seconds));
    bare.push(await bareWrites(barePath, records, 1, seconds));
    joined.push(await bareWrites(barePath, 1, records, seconds));
  }
  await log.close();
  rmSync(dir, { recursive: true });
  const [a, b, c] = [median(ours), median(bare), median(joined)];
  const { callers, batch, streams } = appended;
  return { callers, 'a call': batch, streams, 'writes/s': a, 'bare/s': b, 'joined/s': c, ratio: a / b };
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
          return pixelWrite(next, next % streams);
        }),
      );
      for (const result of results) if (!result.ok) throw result.error;
      writes += batch;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (writes / (performance.now() - start)) * 1000;
}

/** Records a second: rounds of `writes` writes of `records` records each, then one fdatasync. */
async function bareWrites(path: string, writes: number, records: number, seconds: number): Promise<number> {
  const fd = openSync(path, 'w');
  const bytes = Buffer.alloc(records * RECORD_BYTES, 'strata');
  const [start, until] = [performance.now(), performance.now() + seconds * 1000];
  let [written, position] = [0, 0];
  while (performance.now() < until) {
    for (let at = 0; at < writes; at += 1) position += writeSync(fd, bytes, 0, bytes.length, position);
    await new Promise<void>((resolve, reject) =>
      fdatasync(fd, (error) => (error === null ? resolve() : reject(error))),
    );
    written += writes * records;
  }
  const perSecond = (written / (performance.now() - start)) * 1000;
  closeSync(fd);
  return perSecond;
}

function pixelWrite(number: number, tile: number): Write {
  const [left, top] = [tile % 100, Math.floor(tile / 100)];
  return {
    stream: `tile-wall-${left}-${top}`,
    expected: 'any',
    events: [
      {
        id: number.toString(16).padStart(32, '0'),
        type: 'PixelPlaced',
        version: 1,
        at: 1_700_000_000_000 + number,
        actor: 'account:acme',
        causation: null,
        keyMark: null,
        data: {
          board: 'wall',
          x: left * 256 + (number & 255),
          y: top * 256 + ((number >> 8) & 255),
          color: number & 15,
        },
      },
    ],
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
