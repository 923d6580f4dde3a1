import type { Placement } from '../db.ts';
import { keyOffset } from '../storage/tree-key.ts';
import { Changes } from './changes.ts';
import { blocksBetween, keyframeAt } from './file.ts';
import { offsetOf } from './keyframe.ts';
import { recordOf, type TilePast } from './past.ts';
import { TILE_PLACES } from './tile.ts';
import { readBlockRecord } from './tile-record.ts';

/** Changes of the tile that one page looks at, about: a few milliseconds. */
const LOOKED_AT_CHANGES_MAX = 262_144;

export type PlacementPage = {
  readonly items: readonly Placement[];
  /** Up to which offset, included, the next page looks; `null` when all was told. */
  readonly next: number | null;
};

const changes = new Changes();

/**
 * What was set at one place of a tile, newest first: a walk back over its blocks. A keyframe with offsets tells where to go
 * on, so what lies between two placements that are far apart is passed over.
 */
export function placementsAt(tile: TilePast, place: number, limit: number): PlacementPage {
  const { trees, file, key, point } = tile;
  const { snapshot } = point;
  const items: Placement[] = [];
  const page = (next: number | null): PlacementPage => {
    if (items.length <= limit) return { items, next };
    return { items: items.slice(0, limit), next: items[limit]!.offset };
  };
  const record = recordOf(tile);
  if (record === null) return page(null);
  let to = point.offset;
  if (record.tailBase < to) takeSet(record.tail, record.tailBase, to, place, items);
  for (let lookedAt = 0; to > 0; ) {
    // The keyframe before, even where one is of the change itself.
    const offsets = keyframeAt(trees.offsetKeyframes, key, to - 1, snapshot);
    for (const row of blocksBetween(trees, key, offsets?.offset ?? 0, to, snapshot, true)) {
      const base = keyOffset(row.key);
      if (items.length > limit || lookedAt >= LOOKED_AT_CHANGES_MAX) return page(to);
      const { pointer, length, changes } = readBlockRecord(row.value);
      takeSet(file.read(pointer, length), base, to, place, items);
      lookedAt += changes;
      to = base;
    }
    if (items.length > limit || offsets === null) return page(null);
    const setAt = offsetOf(file.read(offsets.pointer, offsets.length), offsets.offset, place);
    if (setAt === 0) return page(null);
    to = setAt;
    lookedAt += TILE_PLACES;
  }
  return page(null);
}

/** Adds what was set at the place in (base, to], newest first. Of several in one event the last counts. */
function takeSet(bytes: Uint8Array, base: number, to: number, place: number, items: Placement[]): void {
  const set: Placement[] = [];
  changes.open(bytes, base);
  while (changes.next() && changes.offset <= to) {
    if (changes.place !== place) continue;
    if (set.at(-1)?.offset === changes.offset) set.pop();
    set.push({ color: changes.color, offset: changes.offset });
  }
  for (let at = set.length - 1; at >= 0; at--) items.push(set[at]!);
}
