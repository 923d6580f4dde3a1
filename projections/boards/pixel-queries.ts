import { z } from 'zod';
import { boardErrors } from '#commands/boards/errors.ts';
import type { Db, Placement } from '#history/db.ts';
import { changedFields } from '#history/items/item-history.ts';
import type { QueryContext, QueryRoute } from '#history/routes.ts';
import { timeText } from '#projections/folds.ts';
import { versionOf } from '#projections/item-routes.ts';
import { defineQuery, listOf, listQuery, noQuery, pageOf } from '#projections/queries.ts';
import { PIXELS } from './projection.ts';
import { settingsOf } from './settings.ts';

const pixel = z.object({
  x: z.int(),
  y: z.int(),
  color: z.int(),
  position: z.string().nullable(),
  placedAt: z.string().nullable(),
  actor: z.string().nullable(),
});

type Pixel = z.infer<typeof pixel>;
type Place = { readonly board: string; readonly x: number; readonly y: number };

/** What is told of one place of a board, to everyone. */
export const pixelQueries: readonly QueryRoute[] = [
  defineQuery({
    path: '/v1/boards/{board}/pixels/{x}/{y}',
    summary: 'A pixel: its colour, who set it and when',
    public: true,
    integers: ['x', 'y'],
    query: noQuery,
    answers: pixel,
    read: (context) => {
      const { place, offset } = placeOf(context);
      const { board, x, y } = place;
      const lastChange = (at: Db) => at.raster(PIXELS).placement(board, x, y)?.offset ?? offset;
      const placement = context.db.raster(PIXELS).placement(board, x, y);
      const body = shown(place, placement, context);
      return { offset: placement?.offset ?? offset, body, public: true, lastChange };
    },
  }),
  defineQuery({
    path: '/v1/boards/{board}/pixels/{x}/{y}/history',
    summary: 'A pixel: everything that was set there, by whom and when, newest first',
    public: true,
    integers: ['x', 'y'],
    query: listQuery,
    answers: listOf(versionOf(pixel)),
    read: (context) => {
      const { place, offset } = placeOf(context);
      const page = placementsOf(context.db, place, pageOf(context.query));
      const before = page.next === null ? null : placementBefore(context.db, place, page.next);
      const values = [...page.items, before].map((placement) => shown(place, placement, context));
      const items = page.items.map((placement, at) => {
        const { revision, at: atMs, actor, type } = context.event(placement.offset);
        const value = values[at]!;
        const isFirst = values[at + 1]!.position === null;
        const changed = changedFields(isFirst ? null : values[at + 1]!, value);
        const position = context.position(placement.offset);
        return { position, revision, at: timeText(atMs), actor, type, changed, value };
      });
      const lastOffset = page.items[0]?.offset ?? offset;
      return { offset: lastOffset, body: { items, next: page.next }, public: true };
    },
  }),
];

/** @throws board.unknown, board.outside */
function placeOf({ db, params }: Pick<QueryContext, 'db' | 'params'>): { place: Place; offset: number } {
  const { settings, offset } = settingsOf(db, params.board!);
  const { board, width, height } = settings;
  const [x, y] = [Number(params.x), Number(params.y)];
  const isOn = Number.isInteger(x) && Number.isInteger(y) && x >= 0 && y >= 0 && x < width && y < height;
  if (!isOn) throw boardErrors.error('board.outside', `${x},${y} is outside of ${width} x ${height}`);
  return { place: { board, x, y }, offset };
}

function placementsOf(db: Db, place: Place, page: { readonly limit: number; readonly cursor?: string }) {
  return db.raster(PIXELS).placements({ ...place, ...page });
}

/** The first placement of the page that the cursor goes on with: pages may be short, but not without end. */
function placementBefore(db: Db, place: Place, from: string): Placement | null {
  for (let cursor: string | null = from; cursor !== null; ) {
    const { items, next }: ReturnType<typeof placementsOf> = placementsOf(db, place, { limit: 1, cursor });
    if (items[0] !== undefined) return items[0];
    cursor = next;
  }
  return null;
}

function shown(
  { x, y }: Place,
  placement: Placement | null,
  { event, position }: Pick<QueryContext, 'event' | 'position'>,
): Pixel {
  if (placement === null) return { x, y, color: 0, position: null, placedAt: null, actor: null };
  const { at, actor } = event(placement.offset);
  const { color, offset } = placement;
  return { x, y, color, position: position(offset), placedAt: timeText(at), actor };
}
