import sharp from 'sharp';
import { expect, test } from 'vitest';
import { boards } from '#commands/boards/domain.ts';
import { packPixels } from '#commands/boards/packed-pixels.ts';
import { holderOf, NOW, World } from '#commands/world.ts';
import { MemoryDb } from '#projections/memory-db.ts';
import { BY_ANYONE, Queries } from '#projections/reading.ts';
import { longestCooldownSeconds } from './settings.ts';

const palette = ['#000000', '#ffffff', '#ff4500'];

function drawn() {
  const world = new World(boards);
  world.send('CreateBoard', { board: 'wall', width: 5, height: 3, palette });
  world.send('PlacePixel', { board: 'wall', x: 0, y: 0, color: 1 });
  world.send('PlacePixel', { board: 'wall', x: 4, y: 2, color: 1 });
  world.send('PlacePixel', { board: 'wall', x: 4, y: 2, color: 2 }, { as: holderOf('acme'), at: NOW + 5 });
  const db = new MemoryDb(...boards.projections).fold(world.events);
  return { world, db, queries: new Queries(world, db, boards.queryRoutes) };
}

test('a board is told with its settings and how many pixels were placed, to everyone', async () => {
  const { queries } = drawn();
  const params = { board: 'wall' };
  const wall = { board: 'wall', width: 5, height: 3, palette, cooldownSeconds: 0, placements: 3 };
  expect(await queries.body('/v1/boards/{board}', { params, reader: BY_ANYONE })).toEqual(wall);
  expect(await queries.body('/v1/boards', { reader: BY_ANYONE })).toEqual({ items: [wall], next: null });
  expect(await queries.body('/v1/boards/{board}', { params: { board: 'none' } })).toBe('board.unknown');
});

test('a pixel tells its colour, who set it and when; one that nobody set, nothing', async () => {
  const { queries } = drawn();
  const read = (x: string, y: string) =>
    queries.body('/v1/boards/{board}/pixels/{x}/{y}', { params: { board: 'wall', x, y } });
  expect(await read('4', '2')).toEqual({
    x: 4,
    y: 2,
    color: 2,
    position: 'p4',
    placedAt: '2026-05-01T12:00:00.005Z',
    actor: 'account:acme',
  });
  expect(await read('1', '1')).toEqual({ x: 1, y: 1, color: 0, position: null, placedAt: null, actor: null });
  expect(await read('5', '0')).toBe('board.outside');
  expect(await read('0', '-1')).toBe('board.outside');
  expect(await read('0.5', '0')).toBe('board.outside');
});

test('the history of a pixel tells everything that was set there, newest first, to everyone', async () => {
  const { world, db, queries } = drawn();
  const pixels = packPixels([{ x: 4, y: 2, color: 1 }], { left: 0, top: 0 });
  db.fold(world.send('RevertPixels', { board: 'wall', left: 0, top: 0, to: 'p3', pixels }, { at: NOW + 9 }).events);
  const path = '/v1/boards/{board}/pixels/{x}/{y}/history';
  const read = (x: string, y: string, query = {}) =>
    queries.body(path, { params: { board: 'wall', x, y }, query, reader: BY_ANYONE });
  const value = { x: 4, y: 2, color: 1, position: 'p3', placedAt: '2026-05-01T12:00:00.000Z', actor: 'admin' };
  const version = { revision: 1, at: value.placedAt, actor: 'admin', type: 'PixelPlaced', position: 'p3' };
  const newest = {
    ...version,
    revision: 3,
    position: 'p5',
    at: '2026-05-01T12:00:00.009Z',
    type: 'PixelsReverted',
    changed: ['actor', 'color', 'placedAt', 'position'],
    value: { ...value, position: 'p5', placedAt: '2026-05-01T12:00:00.009Z' },
  };
  const all = (await read('4', '2')) as { items: object[]; next: null };
  expect(all.items).toHaveLength(3);
  expect(all.items[0]).toEqual(newest);
  expect(all.items[2]).toEqual({
    ...version,
    changed: ['actor', 'color', 'placedAt', 'position', 'x', 'y'],
    value,
  });
  const first = (await read('4', '2', { limit: '1' })) as { items: object[]; next: string };
  expect(first.items).toEqual([newest]);
  expect(await read('4', '2', { limit: '1', cursor: first.next })).toMatchObject({ items: [all.items[1]] });
  expect(await read('1', '1')).toEqual({ items: [], next: null });
  expect(await read('5', '0')).toBe('board.outside');
});

test('what a reading rests on changes with the board', async () => {
  const { world, db, queries } = drawn();
  const params = { board: 'wall', x: '1', y: '1' };
  const pixel = await queries.read('/v1/boards/{board}/pixels/{x}/{y}', { params });
  const bitmap = await queries.read('/v1/boards/{board}/bitmap', { params });
  expect([pixel.offset, pixel.lastChange?.(db)]).toEqual([1, 1]);
  expect([bitmap.offset, bitmap.lastChange?.(db)]).toEqual([4, 4]);
  db.fold(world.send('PlacePixel', { board: 'wall', x: 1, y: 1, color: 1 }).events);
  expect([pixel.lastChange?.(db), bitmap.lastChange?.(db)]).toEqual([5, 5]);
});

test('the bitmap has 4 bits a pixel for up to 16 colours, without gaps between rows', async () => {
  const { queries } = drawn();
  const { body, mediaType } = await queries.read('/v1/boards/{board}/bitmap', { params: { board: 'wall' } });
  expect(mediaType).toBe('application/octet-stream');
  expect(body).toEqual(Uint8Array.of(0x10, 0, 0, 0, 0, 0, 0, 0x20));
});

test('the bitmap has 8 bits a pixel above', async () => {
  const world = new World(boards);
  const many = Array.from({ length: 17 }, (_, at) => `#0000${at.toString(16).padStart(2, '0')}`);
  world.send('CreateBoard', { board: 'wall', width: 2, height: 1, palette: many });
  world.send('PlacePixel', { board: 'wall', x: 1, y: 0, color: 16 });
  const db = new MemoryDb(...boards.projections).fold(world.events);
  const { body } = await new Queries(world, db, boards.queryRoutes).read('/v1/boards/{board}/bitmap', {
    params: { board: 'wall' },
  });
  expect(body).toEqual(Uint8Array.of(0, 16));
});

test('the picture is the board, as another decoder sees it', async () => {
  const { queries } = drawn();
  const { body, mediaType } = await queries.read('/v1/boards/{board}.png', { params: { board: 'wall' } });
  expect(mediaType).toBe('image/png');
  const { data, info } = await sharp(body as Buffer)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width: 5, height: 3, channels: 3 });
  const at = (x: number, y: number) => [...data.subarray((y * 5 + x) * 3, (y * 5 + x) * 3 + 3)];
  expect([at(0, 0), at(1, 0), at(4, 2)]).toEqual([
    [255, 255, 255],
    [0, 0, 0],
    [255, 69, 0],
  ]);
});

test('turns that were taken are found as far back as the longest cooldown', () => {
  const { world, db } = drawn();
  const { windowSeconds, keyOf } = boards.admissions!;
  expect(windowSeconds(db)).toBe(0);
  db.fold(world.send('CreateBoard', { board: 'slow', width: 1, height: 1, cooldownSeconds: 300 }).events);
  expect(windowSeconds(db)).toBe(300);
  expect(longestCooldownSeconds(db)).toBe(300);
  expect(world.events.map(keyOf)).toEqual([
    null,
    'board/wall/admin',
    'board/wall/admin',
    'board/wall/account:acme',
    null,
  ]);
});
