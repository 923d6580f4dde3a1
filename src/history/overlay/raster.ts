import type { Db, Fingerprint, PixelChange, PixelChangePage, Placement, PlacesQuery, RasterView } from '../db.ts';
import { FingerprintSum } from '../fingerprint.ts';
import type { RasterWriter } from '../projection.ts';
import { PlaceHasher } from '../raster/place-hasher.ts';
import { isIn } from '../raster/region.ts';
import { cellOf, TILE_SIZE, tileIndex } from '../raster/tile.ts';
import { boardKey, tileKey } from '../raster/trees.ts';
import { readOverlayCursor, writeOverlayCursor } from './cursor.ts';

const PAGE_PLACEMENTS = 1_000;

type Place = { readonly x: number; readonly y: number; readonly placed: Placement[] };

type Placements = { readonly items: readonly Placement[]; readonly next: string | null };

/** Boards with what an overlay placed on top. */
export class OverlayRaster implements RasterView {
  readonly #name: string;
  readonly #below: RasterView;
  readonly #belowOffset: number;
  /** Board -> `x,y` -> what was placed, oldest first. */
  readonly #boards = new Map<string, Map<string, Place>>();

  constructor(name: string, below: Db) {
    this.#name = name;
    this.#below = below.raster(name);
    this.#belowOffset = below.offset;
  }

  writer(offset: number): RasterWriter {
    return {
      set: (board, x, y, color) => {
        const places = this.#boards.get(board) ?? new Map<string, Place>();
        const place = places.get(`${x},${y}`) ?? { x, y, placed: [] };
        place.placed.push({ color, offset });
        places.set(`${x},${y}`, place);
        this.#boards.set(board, places);
      },
    };
  }

  async pixels(board: string, width: number, height: number): Promise<Uint8Array> {
    const pixels = Uint8Array.from(await this.#below.pixels(board, width, height));
    for (const { x, y, placed } of this.#on(board)) {
      if (x < width && y < height) pixels[y * width + x] = placed.at(-1)!.color;
    }
    return pixels;
  }

  placement(board: string, x: number, y: number): Placement | null {
    return this.#placed(board, x, y).at(-1) ?? this.#below.placement(board, x, y);
  }

  lastChange(board: string): number {
    return Math.max(this.#below.lastChange(board), ...this.#on(board).map(({ placed }) => placed.at(-1)!.offset));
  }

  changes(board: string): number {
    return this.#on(board).reduce((sum, { placed }) => sum + placed.length, this.#below.changes(board));
  }

  /** Places below that stand, then those of the overlay. */
  async changed({ board, from, within, limit, cursor }: PlacesQuery): Promise<PixelChangePage> {
    const at = readOverlayCursor(cursor);
    if (from < this.#belowOffset && at.last === null) {
      const asked = {
        board,
        from,
        limit,
        ...(within !== undefined && { within }),
        ...(at.below !== null && { cursor: at.below }),
      };
      const page = await this.#below.changed(asked);
      const items = page.items.filter(({ x, y }) => this.#placed(board, x, y).length === 0);
      const next = page.next === null ? { below: null, last: '0' } : { below: page.next, last: null };
      return { items, next: writeOverlayCursor(next) };
    }
    const own = this.#on(board)
      .filter(({ x, y }) => isIn(within, x, y))
      .flatMap((place) => this.#change(board, place, from))
      .sort((a, b) => tileOrder(a, b) || a.y - b.y || a.x - b.x);
    const first = Number(at.last ?? 0);
    const items = own.slice(first, first + limit);
    const last = first + items.length;
    return { items, next: last < own.length ? writeOverlayCursor({ below: null, last: String(last) }) : null };
  }

  placements(query: { board: string; x: number; y: number; limit: number; cursor?: string }): Placements {
    const { board, x, y, limit, cursor } = query;
    const { below, last } = readOverlayCursor(cursor);
    const placed = below === null ? this.#placed(board, x, y).toReversed() : [];
    const first = Number(last ?? 0);
    const own = placed.slice(first, first + limit);
    const told = first + own.length;
    if (own.length === limit) return { items: own, next: writeOverlayCursor({ below: null, last: String(told) }) };
    const left = limit - own.length;
    const page = this.#below.placements({ board, x, y, limit: left, ...(below !== null && { cursor: below }) });
    const next = page.next === null ? null : writeOverlayCursor({ below: page.next, last: String(told) });
    return { items: [...own, ...page.items], next };
  }

  async fingerprint(): Promise<Fingerprint> {
    const sum = new FingerprintSum(await this.#below.fingerprint());
    const hasher = new PlaceHasher(this.#name);
    for (const [board, places] of this.#boards) {
      for (const { x, y, placed } of places.values()) {
        hasher.enter(tileKey(boardKey(board), tileIndex(x, y)));
        const place = (y % TILE_SIZE) * TILE_SIZE + (x % TILE_SIZE);
        const hash = ({ color, offset }: Placement) => hasher.hash(place, cellOf(offset, color));
        const before = this.#below.placement(board, x, y);
        if (before !== null) sum.subtract(hash(before));
        sum.add(hash(placed.at(-1)!));
      }
    }
    return sum.value();
  }

  #change(board: string, { x, y, placed }: Place, from: number): PixelChange[] {
    const { color: after, offset } = placed.at(-1)!;
    const before = this.#colorAt(board, { x, y, placed }, from);
    return before === after ? [] : [{ x, y, before, after, offset }];
  }

  #colorAt(board: string, { x, y, placed }: Place, offset: number): number {
    const own = placed.findLast((placement) => placement.offset <= offset);
    if (own !== undefined) return own.color;
    if (offset >= this.#belowOffset) return this.#below.placement(board, x, y)?.color ?? 0;
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const query = { board, x, y, limit: PAGE_PLACEMENTS, ...(cursor !== undefined && { cursor }) };
      const page: Placements = this.#below.placements(query);
      const found = page.items.find((placement) => placement.offset <= offset);
      if (found !== undefined) return found.color;
      cursor = page.next;
    }
    return 0;
  }

  #on(board: string): Place[] {
    return [...(this.#boards.get(board)?.values() ?? [])];
  }

  #placed(board: string, x: number, y: number): readonly Placement[] {
    return this.#boards.get(board)?.get(`${x},${y}`)?.placed ?? [];
  }
}

type At = { readonly x: number; readonly y: number };

function tileOrder(a: At, b: At): number {
  const [column, row] = [(at: At) => Math.floor(at.x / TILE_SIZE), (at: At) => Math.floor(at.y / TILE_SIZE)];
  return row(a) - row(b) || column(a) - column(b);
}
