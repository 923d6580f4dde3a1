import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { program, type Row } from './load/program.ts';
import { startRawServer } from './load/raw-server.ts';
import { compare } from './load/rounds.ts';
import { StrataServer } from './load/strata-server.ts';
import { requireWrk } from './load/wrk.ts';

const CONNECTIONS = 64;
const ROUNDS = 3;
const PHOTOS = 200;
const SIDE = 64;
const RATIO_GOAL = 0.7;

await program({
  file: 'bench/read.ts',
  seconds: 6,
  about: `GET of ${PHOTOS} photos' documents and of a board's ${SIDE * SIDE} pixels in random order, ${CONNECTIONS} connections, against a raw
uWebSockets.js handler that answers the same bytes. In turns, ${ROUNDS} rounds each, the median counts. Goal: ${RATIO_GOAL} of the
raw rate. The load generator shares the machine.`,
  run: ({ seconds }) => measure(seconds),
});

async function measure(seconds: number): Promise<Row[]> {
  requireWrk();
  const strata = await StrataServer.start();
  try {
    const photos = await addPhotos(strata);
    const pixels = await drawBoard(strata);
    return [
      ...(await compareGets('photo', strata, photos, seconds)),
      ...(await compareGets('pixel', strata, pixels, seconds)),
    ];
  } finally {
    await strata.stop();
  }
}

async function compareGets(
  what: string,
  strata: StrataServer,
  paths: readonly string[],
  seconds: number,
): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-read-'));
  const raw = await startRawServer(await strata.call('GET', paths[0]!));
  try {
    writeFileSync(join(dir, 'paths'), paths.join('\n'));
    const settings = { PATHS: join(dir, 'paths'), KEY: strata.key };
    const load = { script: 'random-gets.lua', connections: CONNECTIONS, seconds } as const;
    const {
      raw: theirs,
      strata: ours,
      ratio,
    } = await compare(load, { url: strata.url, settings }, { url: raw.url, settings }, ROUNDS);
    const row = (subject: string, { perSecond, p50Ms, p99Ms }: typeof ours, of: number | null): Row => ({
      what,
      subject,
      'requests/s': perSecond,
      'p50 ms': p50Ms,
      'p99 ms': p99Ms,
      ratio: of,
      goal: of === null ? null : RATIO_GOAL,
    });
    return [row('raw uWebSockets.js', theirs, null), row('Strata', ours, ratio)];
  } finally {
    await raw.stop();
    rmSync(dir, { recursive: true });
  }
}

async function addPhotos(strata: StrataServer): Promise<string[]> {
  const paths: string[] = [];
  let position = '';
  for (let at = 0; at < PHOTOS; at += 1) {
    const jpeg = await sharp({
      create: { width: 64, height: 48, channels: 3, background: { r: at, g: 255 - at, b: 7 } },
    })
      .withExif({
        IFD0: { Make: 'Canon', Model: 'EOS 5D' },
        IFD2: { DateTimeOriginal: '2024:05:06 07:08:09', LensModel: `lens ${at}` },
      })
      .jpeg()
      .toBuffer();
    const answer = await strata.call('POST', '/v1/photos', jpeg, { 'Content-Type': 'image/jpeg' });
    const added = (await answer.json()) as { photo: string; position: string };
    paths.push(`/v1/photos/${added.photo}`);
    position = added.position;
  }
  await strata.call('GET', paths.at(-1)!, undefined, { 'Strata-Min-Position': position });
  return paths;
}

async function drawBoard(strata: StrataServer): Promise<string[]> {
  await strata.call('PUT', '/v1/boards/bench', { width: SIDE, height: SIDE, cooldownSeconds: 0 });
  const places = Array.from({ length: SIDE * SIDE }, (_, at) => ({ x: at % SIDE, y: Math.floor(at / SIDE) }));
  let position = '';
  for (let from = 0; from < places.length; from += 500) {
    const commands = places
      .slice(from, from + 500)
      .map(({ x, y }) => ({ type: 'PlacePixel', data: { board: 'bench', x, y, color: (x + y) % 16 } }));
    const answer = await strata.call('POST', '/v1/commands', commands);
    const { results } = (await answer.json()) as { results: { position: string }[] };
    position = results.at(-1)!.position;
  }
  await strata.call('GET', '/v1/boards/bench', undefined, { 'Strata-Min-Position': position });
  return places.map(({ x, y }) => `/v1/boards/bench/pixels/${x}/${y}`);
}
