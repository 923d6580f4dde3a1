import { describe, expect, test } from 'vitest';
import { happened, specify } from '#commands/specification.ts';
import { holderOf, SYSTEM } from '#commands/world.ts';
import { boards } from './domain.ts';
import { type Pixel, packPixels } from './packed-pixels.ts';
import { PLACE_2017 } from './palette.ts';

const { given } = specify(boards, ({ data }) => `board-${data.board}`);

const palette = ['#000000', '#ffffff', '#ff4500'];
const wall = happened('BoardCreated', { board: 'wall', width: 300, height: 200, palette, cooldownSeconds: 0 });
const slow = happened('BoardCreated', { board: 'slow', width: 10, height: 10, palette, cooldownSeconds: 30 });
const TILE_0 = { left: 0, top: 0 };

test('a board is created with the palette of 2017 and no cooldown unless told', () => {
  given()
    .when('CreateBoard', { board: 'wall', width: 8192, height: 1 })
    .then(
      happened('BoardCreated', { board: 'wall', width: 8192, height: 1, palette: [...PLACE_2017], cooldownSeconds: 0 }),
    );
});

test('colours are kept in lower case', () => {
  given()
    .when('CreateBoard', { board: 'b', width: 2, height: 2, palette: ['#ABCDEF', '#000000'], cooldownSeconds: 5 })
    .then(
      happened('BoardCreated', {
        board: 'b',
        width: 2,
        height: 2,
        palette: ['#abcdef', '#000000'],
        cooldownSeconds: 5,
      }),
    );
});

test('a name is given once', () => {
  given(wall).when('CreateBoard', { board: 'wall', width: 300, height: 200 }).thenRefused('board.exists');
});

test('a board is the admin’s to create', () => {
  given()
    .when('CreateBoard', { board: 'wall', width: 1, height: 1 }, { as: holderOf('acme') })
    .thenRefused('auth.forbidden');
});

test.each([
  { board: 'Wall', width: 1, height: 1 },
  { board: 'wall', width: 0, height: 1 },
  { board: 'wall', width: 8193, height: 1 },
  { board: 'wall', width: 1.5, height: 1 },
  { board: 'wall', width: 1, height: 1, palette: ['#000000'] },
  { board: 'wall', width: 1, height: 1, palette: ['#000000', 'red'] },
  { board: 'wall', width: 1, height: 1, cooldownSeconds: 3601 },
  { board: 'wall', width: 1, height: 1, owner: 'me' },
])('a board of the wrong shape is refused: %j', (data) => {
  given().when('CreateBoard', data).thenRefused('request.invalid');
});

test('a pixel is placed on the stream of its tile', () => {
  const placement = { board: 'wall', x: 299, y: 199, color: 2 };
  given(wall).when('PlacePixel', placement).then(happened('PixelPlaced', placement));
  expect(boards.commands.find(({ type }) => type === 'PlacePixel')?.stream(placement, {})).toBe('tile-wall-1-0');
});

test.each([
  [300, 0],
  [0, 200],
  [-1, 0],
  [0, -1],
  [9e15, 0],
])('a pixel at %i,%i is outside of 300 x 200', (x, y) => {
  given(wall).when('PlacePixel', { board: 'wall', x, y, color: 0 }).thenRefused('board.outside');
});

test.each([3, 255, -1])('colour %i is not one of three', (color) => {
  given(wall).when('PlacePixel', { board: 'wall', x: 0, y: 0, color }).thenRefused('board.unknown-colour');
});

test('a pixel takes a board, a key and integers', () => {
  given().when('PlacePixel', { board: 'wall', x: 0, y: 0, color: 0 }).thenRefused('board.unknown');
  given(wall).when('PlacePixel', { board: 'wall', x: 0, y: 0, color: 0 }, { as: SYSTEM }).thenRefused('auth.forbidden');
  given(wall).when('PlacePixel', { board: 'wall', x: 0.5, y: 0, color: 0 }).thenRefused('request.invalid');
  given(wall).when('PlacePixel', { board: 'wall', x: 0, y: 0, color: '1' }).thenRefused('request.invalid');
});

test('who placed a pixel waits for the cooldown: each for themselves, the admin too', () => {
  const data = { board: 'slow', x: 0, y: 0, color: 1 };
  const cooling = { 'board/slow/admin': 12 };
  given(slow).when('PlacePixel', data, { cooling }).thenRefused('board.cooldown');
  given(slow)
    .when('PlacePixel', data, { cooling, as: holderOf('acme') })
    .then(happened('PixelPlaced', data));
  given(wall)
    .when('PlacePixel', { ...data, board: 'wall' }, { cooling: { 'board/wall/admin': 12 } })
    .then(happened('PixelPlaced', { ...data, board: 'wall' }));
});

test('what is refused for itself is not refused for the cooldown', () => {
  given(slow)
    .when('PlacePixel', { board: 'slow', x: 10, y: 0, color: 1 }, { cooling: { 'board/slow/admin': 12 } })
    .thenRefused('board.outside');
});

describe('a revert', () => {
  const corner = { board: 'wall', left: 256, top: 0, to: '7' };
  const reverted = (pixels: readonly Pixel[]) => ({ ...corner, pixels: packPixels(pixels, corner) });

  test('is one event, however many pixels of a tile it gives their colours again', () => {
    const data = reverted([
      { x: 256, y: 0, color: 2 },
      { x: 299, y: 199, color: 0 },
    ]);
    given(wall).when('RevertPixels', data).then(happened('PixelsReverted', data));
    expect(boards.commands.find(({ type }) => type === 'RevertPixels')?.stream(data, {})).toBe('tile-wall-1-0');
  });

  test('waits for no cooldown', () => {
    const data = { board: 'slow', left: 0, top: 0, to: '7', pixels: packPixels([{ x: 0, y: 0, color: 1 }], TILE_0) };
    given(slow)
      .when('RevertPixels', data, { cooling: { 'board/slow/admin': 12 } })
      .then(happened('PixelsReverted', data));
  });

  test('of what has its colours already is none', () => {
    given(wall).when('RevertPixels', reverted([])).thenNothing();
  });

  test('is the admin’s, of pixels on the board in colours of its palette', () => {
    const data = reverted([{ x: 256, y: 0, color: 2 }]);
    given(wall)
      .when('RevertPixels', data, { as: holderOf('acme') })
      .thenRefused('auth.forbidden');
    given().when('RevertPixels', data).thenRefused('board.unknown');
    given(wall)
      .when('RevertPixels', reverted([{ x: 300, y: 0, color: 0 }]))
      .thenRefused('board.outside');
    given(wall)
      .when('RevertPixels', reverted([{ x: 256, y: 0, color: 3 }]))
      .thenRefused('board.unknown-colour');
  });

  test.each([{ pixels: 'AAA' }, { pixels: 'AA==' }, { pixels: 'A*AA' }, { left: 255 }, { to: '' }, { color: 1 }])(
    'of the wrong shape is refused: %j',
    (wrong) => {
      given(wall)
        .when('RevertPixels', { ...reverted([]), ...wrong })
        .thenRefused('request.invalid');
    },
  );
});
