import { z } from 'zod';
import { boardErrors } from '#commands/boards/errors.ts';
import type { PixelsReverted } from '#commands/boards/events.ts';
import { countPixels, packPixels } from '#commands/boards/packed-pixels.ts';
import { TILE_PLACES, TILE_SIDE } from '#commands/boards/tiles.ts';
import type { RevertContext, RevertRoute } from '#handling/routes.ts';
import type { Region } from '#history/db.ts';
import { errors } from '#src/errors.ts';
import { PIXELS } from './projection.ts';
import { SETTINGS, type Settings, settingsOf } from './settings.ts';

const place = z.int().min(0);
const side = z.int().min(1);

/** The whole board unless told; what is told stands on the board. */
const region = z.strictObject({
  x: place.default(0),
  y: place.default(0),
  width: side.optional(),
  height: side.optional(),
});

export const boardReverts: readonly RevertRoute[] = [
  {
    path: '/v1/boards/{board}/revert',
    command: 'RevertPixels',
    summary: 'Give a region of a board, or all of it, the colours of a position again',
    body: region,
    read: revertedTiles,
    answer: async (accepted) => {
      let [pixels, tiles] = [0, 0];
      for await (const { events } of accepted) {
        for (const { data } of events) {
          // The command makes no other event.
          pixels += countPixels((data as PixelsReverted).pixels);
          tiles += 1;
        }
      }
      return { pixels, tiles };
    },
  },
];

/** One command a tile of the region, also where nothing differs: with a key sent again, each tile is the same command again. */
async function* revertedTiles({ db, now, params, body, to }: RevertContext) {
  const { settings } = settingsOf(now, params.board!);
  const { board } = settings;
  if (db.collection(SETTINGS).get(board) === null) {
    throw errors.error('history.nothing-then', `the board "${board}" was not there at ${to}`);
  }
  const whole = regionOn(settings, region.parse(body));
  for (const { left, top, within } of tilesOf(whole)) {
    const { items } = await now.raster(PIXELS).changed({ board, from: db.offset, within, limit: TILE_PLACES });
    const pixels = items.map(({ x, y, before }) => ({ x, y, color: before }));
    yield { board, left, top, to, pixels: packPixels(pixels, { left, top }) };
  }
}

/** @throws board.outside */
function regionOn(settings: Settings, { x, y, width, height }: z.infer<typeof region>): Region {
  const asked = { x, y, width: width ?? settings.width - x, height: height ?? settings.height - y };
  const isOn = asked.x + asked.width <= settings.width && asked.y + asked.height <= settings.height;
  if (isOn && asked.width > 0 && asked.height > 0) return asked;
  const rectangle = `${asked.width} x ${asked.height} at ${x},${y}`;
  throw boardErrors.error('board.outside', `${rectangle} is outside of ${settings.width} x ${settings.height}`);
}

/** The tiles that a region lies on, row by row, and its part of each. */
function* tilesOf({ x, y, width, height }: Region) {
  for (let top = y - (y % TILE_SIDE); top < y + height; top += TILE_SIDE) {
    for (let left = x - (x % TILE_SIDE); left < x + width; left += TILE_SIDE) {
      const [fromX, fromY] = [Math.max(x, left), Math.max(y, top)];
      const within = {
        x: fromX,
        y: fromY,
        width: Math.min(x + width, left + TILE_SIDE) - fromX,
        height: Math.min(y + height, top + TILE_SIDE) - fromY,
      };
      yield { left, top, within };
    }
  }
}
