import { expect, test } from 'vitest';
import { csvReader, readTime, splitCells } from './csv.ts';

test('2017: numbered colours and two columns of coordinates', () => {
  const { format, row } = csvReader('ts,user_hash,x_coordinate,y_coordinate,color');
  expect(format).toMatchObject({ name: 'r/place 2017 CSV', width: 1000, height: 1000 });
  expect(row('1490991480000,+++/DjiwyzTQzfai1RGavwwdeF0=,4,33,13', 2)).toEqual({
    line: 2,
    timeMs: 1490991480000,
    colour: 13,
    shape: 'pixel',
    x: 4,
    y: 33,
    x2: 0,
    y2: 0,
  });
});

test('2022: colours as #RRGGBB, quoted coordinates, moderation rectangles', () => {
  const { format, row } = csvReader('timestamp,user_id,pixel_color,coordinate');
  expect(format).toMatchObject({ name: 'r/place 2022 CSV', width: 2000, originX: 0 });
  const pixel = row('2022-04-04 01:32:02.257 UTC,E5yUS8==,#94B3FF,"1246,1670"', 2);
  expect(pixel).toMatchObject({ shape: 'pixel', x: 1246, y: 1670, timeMs: Date.UTC(2022, 3, 4, 1, 32, 2, 257) });
  expect(format.palette[pixel.colour]).toBe('#94b3ff');
  expect(row('2022-04-04 01:32:02 UTC,abc,#FFFFFF,"44,1961,78,1994"', 3)).toMatchObject({
    shape: 'rectangle',
    x: 44,
    y: 1961,
    x2: 78,
    y2: 1994,
  });
});

test('2023: negative coordinates and moderation circles', () => {
  const { format, row } = csvReader('timestamp,user,coordinate,pixel_color');
  expect(format).toMatchObject({ name: 'r/place 2023 CSV', originX: -1500, originY: -1000 });
  expect(row('2023-07-20 13:00:26.088 UTC,no,"-199,-235",#00A368', 2)).toMatchObject({ x: -199, y: -235 });
  expect(row('2023-07-20 13:00:26.1 UTC,no,"{X: 424, Y: -336, R: 3}",#00A368', 2)).toMatchObject({
    shape: 'circle',
    x: 424,
    y: -336,
    x2: 3,
  });
});

test('times have no to three decimals', () => {
  expect(readTime('2022-04-04 00:53:51 UTC')).toBe(Date.UTC(2022, 3, 4, 0, 53, 51));
  expect(readTime('2022-04-04 00:53:51.5 UTC')).toBe(Date.UTC(2022, 3, 4, 0, 53, 51, 500));
  expect(readTime('2022-04-04 00:53:51.57 UTC')).toBe(Date.UTC(2022, 3, 4, 0, 53, 51, 570));
});

test.each([
  ['cells missing', 'abc,#FFFFFF,"1,1"'],
  ['a time that is none', 'yesterday,abc,#FFFFFF,"1,1"'],
  ['a colour that 2022 does not have', '2022-04-04 00:53:51 UTC,abc,#123456,"1,1"'],
  ['three coordinates', '2022-04-04 00:53:51 UTC,abc,#FFFFFF,"1,1,1"'],
  ['a coordinate that is no number', '2022-04-04 00:53:51 UTC,abc,#FFFFFF,"1,x"'],
  ['a rectangle beyond every canvas', '2022-04-04 00:53:51 UTC,abc,#FFFFFF,"0,0,30000,30000"'],
  ['an open quote', '2022-04-04 00:53:51 UTC,abc,#FFFFFF,"1,1'],
])('a row with %s is refused', (_what, text) => {
  const { row } = csvReader('timestamp,user_id,pixel_color,coordinate');
  expect(() => row(text, 2)).toThrow(/^has /);
});

test('a header that is none of the data sets is refused', () => {
  expect(() => csvReader('a,b,c')).toThrow('is not the header of an r/place CSV');
});

test('doubled quotes stand for one', () => {
  expect(splitCells('"a ""b""",c', 2)).toEqual(['a "b"', 'c']);
  expect(splitCells('a,"","b,""",', 4)).toEqual(['a', '', 'b,"', '']);
  expect(() => splitCells('"a"b,c', 2)).toThrow('after a closing quote');
});
