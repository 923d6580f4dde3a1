import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPlaceFile } from './file.ts';
import { eachPlace, type PlaceRow } from './row.ts';

const SAMPLE_2022 = new URL('../../../../shared/data/place2022-sample.csv', import.meta.url).pathname;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-place-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function write(name: string, bytes: string | Uint8Array): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, bytes);
  return path;
}

async function rowsOf(path: string): Promise<PlaceRow[]> {
  const { batches } = await openPlaceFile(path);
  const rows: PlaceRow[] = [];
  for await (const batch of batches) rows.push(...batch);
  return rows;
}

const HEADER = 'timestamp,user,coordinate,pixel_color\n';
const row = (at: number, place: string) => `2023-07-20 13:00:26.${at} UTC,u${at},"${place}",#00A368\n`;

test('the diff form', async () => {
  const words = Uint32Array.of(3 | (4 << 11) | (5 << 22), 999 | (998 << 11) | (15 << 22));
  const rows = await rowsOf(await write('a.dat', new Uint8Array(words.buffer)));
  expect(rows).toMatchObject([
    { line: 1, x: 3, y: 4, colour: 5, shape: 'pixel' },
    { line: 2, x: 999, y: 998, colour: 15, shape: 'pixel' },
  ]);
});

test('a diff that ends within a change, or is none, is refused', async () => {
  await expect(rowsOf(await write('cut.dat', Uint8Array.of(1, 0, 0, 0, 1, 0)))).rejects.toThrow('middle of change 2');
  await expect(rowsOf(await write('none.dat', Uint8Array.of(0, 1, 2, 255)))).rejects.toThrow('change 1 has bits set');
});

test('gzip or plain, with or without a last line break, a file is the same file', async () => {
  const text = HEADER + row(1, '-5,6') + row(2, '{X: 1, Y: 2, R: 3}');
  const plain = await write('b.csv', text);
  const packed = await write('b.csv.gz', Buffer.concat([gzipSync(text.slice(0, 60)), gzipSync(text.slice(60, -1))]));
  expect(await rowsOf(packed)).toEqual(await rowsOf(plain));
  const lines = Array.from({ length: 200 }, (_, at) => row(100 + at, `${at},1`)).join('');
  const whole = await openPlaceFile(await write('c.csv', HEADER + lines));
  const cut = await openPlaceFile(await write('c-cut.csv.gz', gzipSync((HEADER + lines).slice(0, 6000))));
  expect(cut.identity).toBe(whole.identity);
});

test('a row that cannot be read is named by file and line', async () => {
  const path = await write('d.csv', `${HEADER}${row(1, '1,1')}\n${row(2, '1,one')}`);
  await expect(rowsOf(path)).rejects.toThrow(`${path}:4: has no coordinate in "one"`);
  await expect(rowsOf(await write('e.csv', 'x;y\n'))).rejects.toThrow('e.csv:1: the first line');
  await expect(rowsOf(await write('f.csv', ''))).rejects.toThrow('is empty');
  await expect(rowsOf(join(dir, 'absent.csv'))).rejects.toThrow('no such file');
});

test('rectangles and circles fill their places, corners included', () => {
  const places = (shape: PlaceRow['shape'], x: number, y: number, x2: number, y2: number) => {
    const list: string[] = [];
    eachPlace({ line: 1, timeMs: 0, colour: 0, shape, x, y, x2, y2 }, (...at) => list.push(at.join(',')));
    return list;
  };
  expect(places('rectangle', 2, 1, 1, 2)).toEqual(['1,1', '2,1', '1,2', '2,2']);
  expect(places('circle', 5, 5, 1, 0)).toEqual(['5,4', '4,5', '5,5', '6,5', '5,6']);
  expect(places('pixel', -1, 3, 0, 0)).toEqual(['-1,3']);
});

test.skipIf(!existsSync(SAMPLE_2022))('the published form of 2022 (../shared/data is there)', async () => {
  const rows = await rowsOf(SAMPLE_2022);
  expect(rows).toHaveLength(295);
  expect(rows[0]).toMatchObject({ line: 2, x: 1246, y: 1670 });
});
