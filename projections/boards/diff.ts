import type { Db, PixelChange } from '#history/db.ts';
import type { Difference, DifferenceDefinition } from '#history/items/difference.ts';
import type { Showing } from '#history/items/items.ts';
import { drawDifference } from './diff-picture.ts';
import { PIXELS } from './projection.ts';
import { settingsOf } from './settings.ts';

/** Changes that are counted or drawn at once. */
const TAKEN_CHANGES = 65_536;

/** A pixel that differs: both colours, and the event that set it last. */
export type ShownPixelChange = Omit<PixelChange, 'offset'> & { readonly position: string; readonly actor: string };

/** Pixels that differ between two positions: `in=boards/wall`. */
export const boardDifferences: DifferenceDefinition = {
  name: 'boards',
  between: (key, from, db, showing): Difference => {
    const { settings } = settingsOf(db, key);
    const { board, width, height, palette } = settings;
    return {
      isPublic: true,
      page: async (page) => {
        const { items, next } = await db.raster(PIXELS).changed({ board, from, ...page });
        return { items: shownChanges(items, showing), next };
      },
      counts: async () => {
        let changed = 0;
        for await (const changes of changesOf(db, board, from)) changed += changes.length;
        return { added: 0, removed: 0, changed };
      },
      picture: async () => {
        const pixels = await db.raster(PIXELS).pixels(board, width, height);
        return await drawDifference({ pixels, width, palette }, changesOf(db, board, from));
      },
    };
  },
};

async function* changesOf(db: Db, board: string, from: number): AsyncGenerator<readonly PixelChange[]> {
  for (let next: string | null = null, isFirst = true; isFirst || next !== null; isFirst = false) {
    const query = { board, from, limit: TAKEN_CHANGES, ...(next !== null && { cursor: next }) };
    const page = await db.raster(PIXELS).changed(query);
    yield page.items;
    next = page.next;
  }
}

/** An event is read once: one that reverts a tile set thousands of pixels. */
function shownChanges(changes: readonly PixelChange[], { event, position }: Showing): ShownPixelChange[] {
  const actors = new Map<number, string>();
  return changes.map(({ x, y, before, after, offset }) => {
    const actor = actors.get(offset) ?? event(offset).actor;
    actors.set(offset, actor);
    return { x, y, before, after, position: position(offset), actor };
  });
}
