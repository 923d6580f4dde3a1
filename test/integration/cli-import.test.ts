import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '#src/config.ts';
import { startServer } from '#src/server.ts';
import { strata } from './cli-terminal.ts';

const DATA = fileURLToPath(new URL('../../../shared/data', import.meta.url));
const adminKey = 'an-admin-key-for-the-import';
let dir: string;
let server: Awaited<ReturnType<typeof startServer>>;
let env: { [name: string]: string };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-import-test-'));
  server = await startServer(
    readConfig({ STRATA_PORT: '0', STRATA_DATA_DIR: join(dir, 'data'), STRATA_ADMIN_KEY: adminKey }),
  );
  env = { STRATA_URL: server.url, STRATA_KEY: adminKey };
});
afterAll(async () => {
  await server?.close();
  await rm(dir, { recursive: true });
});

async function file(name: string, bytes: string | Uint8Array): Promise<string> {
  await writeFile(join(dir, name), bytes);
  return join(dir, name);
}

async function importing(...args: string[]) {
  const ran = await strata(env, 'import', 'place', ...args, '--json');
  return { ...ran, report: (ran.code === 0 ? JSON.parse(ran.out) : {}) as { [name: string]: unknown } };
}

async function colourAt(board: string, x: number, y: number): Promise<string> {
  const settings = JSON.parse((await strata(env, 'get', `boards/${board}`)).out) as { palette: string[] };
  const pixel = JSON.parse((await strata(env, 'get', `boards/${board}/pixels/${x}/${y}`)).out) as { color: number };
  return settings.palette[pixel.color]!;
}

const row2022 = (second: string, colour: string, place: string) =>
  `2022-04-04 00:00:${second} UTC,someone,${colour},"${place}"\n`;

test('2022: out of order, in two files, with a rectangle; again it adds nothing', { timeout: 30_000 }, async () => {
  const header = 'timestamp,user_id,pixel_color,coordinate\n';
  const one = await file(
    'one.csv',
    header +
      row2022('30.5', '#FF4500', '1,1') +
      row2022('10', '#000000', '1999,1999') +
      row2022('59', '#FFFFFF', '5,5,6,6'),
  );
  const two = await file(
    'two.csv.gzip',
    gzipSync(header + row2022('20.123', '#00A368', '1,1') + row2022('05', '#2450A4', '5,5')),
  );
  const first = await importing(one, two, '--board', 'y2022', '--create');
  expect(first.report).toMatchObject({ created: true, rows: 5, rectangles: 1, filled: 4, placed: 8, alreadyThere: 0 });
  expect(await colourAt('y2022', 1, 1)).toBe('#ff4500');
  expect(await colourAt('y2022', 1999, 1999)).toBe('#000000');
  expect(await colourAt('y2022', 5, 5)).toBe('#ffffff');
  expect(await colourAt('y2022', 700, 700)).toBe('#ffffff');
  const settings = JSON.parse((await strata(env, 'get', 'boards/y2022')).out);
  expect(settings).toMatchObject({ width: 2000, height: 2000, placements: 8 });
  expect(settings.palette).toHaveLength(32);

  const again = await importing(two, one, '--board', 'y2022', '--create');
  expect(again.report).toMatchObject({ created: false, placed: 0, alreadyThere: 8 });
  expect(JSON.parse((await strata(env, 'get', 'boards/y2022')).out)).toMatchObject({ placements: 8 });
});

test('2017: numbered colours; what lies outside is left out and named', async () => {
  const path = await file(
    '2017.csv',
    'ts,user_hash,x_coordinate,y_coordinate,color\n1490991480000,a=,4,33,13\n1490991480001,b=,1000,3,0\n',
  );
  const { report } = await importing(path, '--board', 'y2017', '--create');
  expect(report).toMatchObject({ rows: 2, placed: 1, outside: 1, firstOutside: `${path}:3` });
  expect(await colourAt('y2017', 4, 33)).toBe('#0000ea');
});

test('2023: coordinates around the middle, and a circle', async () => {
  const path = await file(
    '2023.csv',
    'timestamp,user,coordinate,pixel_color\n' +
      '2023-07-20 13:00:26.088 UTC,a,"-1500,-1000",#00A368\n' +
      '2023-07-20 13:00:27 UTC,no,"{X: 0, Y: 0, R: 1}",#000000\n',
  );
  const { report } = await importing(path, '--board', 'y2023', '--create');
  expect(report).toMatchObject({ circles: 1, filled: 5, placed: 6 });
  expect(await colourAt('y2023', 0, 0)).toBe('#00a368');
  expect(await colourAt('y2023', 1500, 1001)).toBe('#000000');
});

test('mistakes are named before anything is sent', async () => {
  await strata(env, 'put', 'boards/small', 'width=10', 'height=10');
  const bad = await file('bad.csv', 'ts,user_hash,x_coordinate,y_coordinate,color\n1,a,1,1,1\n2,a,one,1,1\n');
  const unread = await importing(bad, '--board', 'y2017');
  expect(unread).toMatchObject({ code: 1, err: expect.stringContaining(`${bad}:3: has no coordinate in "one"`) });
  const good = await file('good.csv', 'ts,user_hash,x_coordinate,y_coordinate,color\n1,a,1,1,1\n');
  const colour = await importing(good, '--board', 'small');
  expect(colour).toMatchObject({
    code: 1,
    err: expect.stringContaining(`${good}:2: board small has no colour #e4e4e4`),
  });
  expect((await importing(good, '--board', 'small', '--nearest')).report).toMatchObject({ placed: 1 });
  expect(await colourAt('small', 1, 1)).toBe('#d4d7d9');
  expect(await importing(good, '--board', 'nowhere')).toMatchObject({
    code: 1,
    err: expect.stringContaining('--create'),
  });
  expect(await importing(good, good, '--board', 'small')).toMatchObject({
    code: 1,
    err: expect.stringContaining('twice'),
  });
  await strata(env, 'put', 'boards/slow', 'width=10', 'height=10', 'cooldownSeconds=5');
  expect(await importing(good, '--board', 'slow')).toMatchObject({ code: 1, err: expect.stringContaining('cooldown') });
});

test.skipIf(!existsSync(DATA))(
  'the diff file, and its picture (../shared/data is there)',
  { timeout: 60_000 },
  async () => {
    const path = join(DATA, 'place2017-diff.dat');
    const limit = 20_000;
    const { report } = await importing(path, '--board', 'diff', '--create', '--limit', String(limit));
    expect(report).toMatchObject({ rows: limit, placed: limit });
    const bytes = await readFile(path);
    const expected = new Map<number, number>();
    for (let at = 0; at < limit; at += 1) {
      const word = bytes.readUInt32LE(at * 4);
      expected.set((word & 0x7ff) + ((word >>> 11) & 0x7ff) * 1000, word >>> 22);
    }
    const bitmap = join(dir, 'diff.bitmap');
    await strata(env, 'get', 'boards/diff/bitmap', '-o', bitmap);
    const packed = await readFile(bitmap);
    expect(packed).toHaveLength(500_000);
    // The made board has white, the data set's colour 1, before black, its colour 0.
    const ours = (colour: number) => (colour < 2 ? 1 - colour : colour);
    const wrong = [...expected].filter(([place, colour]) => {
      const byte = packed[place >> 1]!;
      return (place % 2 === 0 ? byte >> 4 : byte & 0xf) !== ours(colour);
    });
    expect(wrong).toEqual([]);
  },
);
