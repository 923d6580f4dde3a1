import { expect, test } from 'vitest';
import { formatTilePath, parseTilePath, TILE_WIDTH } from './tile.ts';

test('paths are written as C2SP tlog-tiles writes them, and read back', () => {
  const paths = {
    '0/x001/x234/067': { level: 0, index: 1_234_067, width: TILE_WIDTH },
    '0/000': { level: 0, index: 0, width: TILE_WIDTH },
    '1/999': { level: 1, index: 999, width: TILE_WIDTH },
    '63/x001/000.p/1': { level: 63, index: 1000, width: 1 },
    'entries/x273/112.p/255': { level: 'entries', index: 273_112, width: 255 },
    '0/x999/x999/x999/x999/999': { level: 0, index: 999_999_999_999_999, width: TILE_WIDTH },
  } as const;
  for (const [path, tile] of Object.entries(paths)) {
    expect(formatTilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
  }
});

test('other paths are none', () => {
  const paths = [
    '',
    '0',
    '0/',
    '0/1',
    '0/0000',
    '0/x000/001',
    '0/001/002',
    '00/001',
    '64/001',
    '0/001.p/0',
    '0/001.p/256',
  ];
  paths.push(
    '0/001.p/01',
    '0/001.p',
    '0/x001',
    'Entries/000',
    '-1/000',
    '0/001/',
    '/0/001',
    '0/x001/x001/x001/x001/x001/001',
  );
  for (const path of paths) expect(parseTilePath(path)).toBeNull();
});
