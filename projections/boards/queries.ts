import { z } from 'zod';
import type { Db } from '#history/db.ts';
import type { QueryRoute, Reading } from '#history/routes.ts';
import { defineQuery, listOf, listQuery, listReading, noQuery, pageOf, parsed } from '#projections/queries.ts';
import { bitsFor, packBitmap } from './bitmap.ts';
import { lastChangeOf } from './last-change.ts';
import { pixelQueries } from './pixel-queries.ts';
import { encodePng } from './png.ts';
import { PIXELS } from './projection.ts';
import { SETTINGS, type Settings, settingsOf } from './settings.ts';

/** How long shared caches may keep a whole board: pictures are asked for far more often than they must be new. */
const PICTURE_MAX_AGE_SECONDS = 3;

const BITMAP = { mediaType: 'application/octet-stream', maxAgeSeconds: PICTURE_MAX_AGE_SECONDS };

const board = z.object({
  board: z.string(),
  width: z.int(),
  height: z.int(),
  palette: z.array(z.string()),
  cooldownSeconds: z.int(),
  placements: z.int(),
});

/** Boards are there for everyone. */
export const boardQueries: readonly QueryRoute[] = [
  defineQuery({
    path: '/v1/boards',
    summary: 'All boards, by name',
    public: true,
    query: listQuery,
    answers: listOf(board),
    read: ({ db, query }) => {
      const page = db.collection(SETTINGS).scan({ prefix: '', ...pageOf(query) });
      return { ...listReading(db, page, (version) => described(db, parsed<Settings>(version))), public: true };
    },
  }),
  defineQuery({
    path: '/v1/boards/{board}',
    summary: "A board's settings, and how many pixels were placed",
    public: true,
    query: noQuery,
    answers: board,
    read: ({ db, params }) => {
      const { settings } = settingsOf(db, params.board!);
      return { ...boardReading(db, settings.board), body: described(db, settings) };
    },
  }),
  defineQuery({
    path: '/v1/boards/{board}/bitmap',
    summary: 'All pixels: 4 bits each for up to 16 colours, 8 above, row by row, the first in the high bits',
    public: true,
    query: noQuery,
    answers: 'application/octet-stream',
    read: ({ db, params }) => {
      const { settings } = settingsOf(db, params.board!);
      // Taken before the pixels: what is placed meanwhile makes the answer newer than it says, never older.
      const reading = boardReading(db, settings.board);
      const body = async () => packBitmap(await pixelsOf(db, settings), bitsFor(settings.palette.length));
      return { ...reading, ...BITMAP, body };
    },
    readAhead: async ({ bitmaps, params, atLeast }) => {
      const found = await bitmaps.read(params.board!, atLeast);
      if (found === null) return null;
      return { ...BITMAP, offset: found.changedAt, at: found.offset, public: true, body: found.bytes };
    },
  }),
  defineQuery({
    path: '/v1/boards/{board}.png',
    summary: 'A picture of the board',
    public: true,
    query: noQuery,
    answers: 'image/png',
    read: ({ db, params }) => {
      const { settings } = settingsOf(db, params.board!);
      const reading = boardReading(db, settings.board);
      const body = async () => encodePng(await pixelsOf(db, settings), settings.width, settings.palette);
      return { ...reading, body, mediaType: 'image/png', maxAgeSeconds: PICTURE_MAX_AGE_SECONDS };
    },
  }),
  ...pixelQueries,
];

function described(db: Db, settings: Settings) {
  return { ...settings, placements: db.raster(PIXELS).changes(settings.board) };
}

function pixelsOf(db: Db, { board, width, height }: Settings): Promise<Uint8Array> {
  return db.raster(PIXELS).pixels(board, width, height);
}

/** What the readings of a whole board have in common. */
function boardReading(db: Db, board: string): Omit<Reading, 'body'> {
  const lastChange = (at: Db) => lastChangeOf(at, board);
  return { offset: lastChange(db), public: true, lastChange };
}
