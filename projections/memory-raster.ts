import { hash } from 'node:crypto';
import type { PixelChange, Placement, RasterView } from '#history/db.ts';
import { FingerprintSum } from '#history/fingerprint.ts';
import type { RasterWriter } from '#history/projection.ts';
import { isIn } from '#history/raster/region.ts';
import { memoryPage } from './memory-page.ts';

const TILE_SIDE = 256;

/** Everything that was set at one place, oldest first. */
type Place = { readonly board: string; readonly x: number; readonly y: number; readonly placed: Placement[] };

/** A raster in a plain map: every change of every place. */
export class MemoryRaster {
  readonly #name: string;
  readonly #places = new Map<string, Place>();

  constructor(name: string) {
    this.#name = name;
  }

  /** For the fold of the event at `offset`. */
  writer(offset: number): RasterWriter {
    return {
      set: (board, x, y, color) => {
        const name = placeName(board, x, y);
        const place = this.#places.get(name) ?? { board, x, y, placed: [] };
        place.placed.push({ color, offset });
        this.#places.set(name, place);
      },
    };
  }

  view(offset: number): RasterView {
    const on = (board: string) => [...this.#places.values()].filter((place) => place.board === board);
    const upTo = ({ placed }: Place, to: number) => placed.filter((each) => each.offset <= to);
    return {
      pixels: async (board, width, height) =>
        Uint8Array.from(
          { length: width * height },
          (_, at) => this.#placement(board, at % width, Math.floor(at / width), offset)?.color ?? 0,
        ),
      placement: (board, x, y) => this.#placement(board, x, y, offset),
      lastChange: (board) =>
        Math.max(0, ...on(board).flatMap((place) => upTo(place, offset).map((each) => each.offset))),
      changes: (board) => on(board).reduce((sum, place) => sum + upTo(place, offset).length, 0),
      changed: async ({ board, from, within, limit, cursor }) => {
        const items = on(board).flatMap(({ x, y }): PixelChange[] => {
          if (!isIn(within, x, y)) return [];
          const before = this.#placement(board, x, y, from)?.color ?? 0;
          const last = this.#placement(board, x, y, offset);
          return last === null || last.color === before
            ? []
            : [{ x, y, before, after: last.color, offset: last.offset }];
        });
        items.sort((a, b) => tileOf(a) - tileOf(b) || a.y - b.y || a.x - b.x);
        return memoryPage(items, limit, cursor);
      },
      placements: ({ board, x, y, limit, cursor }) => {
        const place = this.#places.get(placeName(board, x, y));
        return memoryPage(place === undefined ? [] : upTo(place, offset).reverse(), limit, cursor);
      },
      fingerprint: async () => {
        const sum = new FingerprintSum();
        for (const { board, x, y } of this.#places.values()) {
          const placement = this.#placement(board, x, y, offset);
          if (placement !== null) sum.add(elementHash(this.#name, board, x, y, placement));
        }
        return sum.value();
      },
    };
  }

  #placement(board: string, x: number, y: number, offset: number): Placement | null {
    return this.#places.get(placeName(board, x, y))?.placed.findLast((each) => each.offset <= offset) ?? null;
  }
}

function placeName(board: string, x: number, y: number): string {
  return `${board}/${x}/${y}`;
}

function tileOf({ x, y }: Pick<PixelChange, 'x' | 'y'>): number {
  return Math.floor(y / TILE_SIDE) * TILE_SIDE + Math.floor(x / TILE_SIDE);
}

/** SHA-256("strata.place.v1", 00, structure, 00, board, 00, row, column, place, colour, offset). */
function elementHash(name: string, board: string, x: number, y: number, { color, offset }: Placement): Buffer {
  const place = Buffer.alloc(11);
  place.writeUInt8(Math.floor(y / TILE_SIDE), 0);
  place.writeUInt8(Math.floor(x / TILE_SIDE), 1);
  place.writeUInt16BE((y % TILE_SIDE) * TILE_SIDE + (x % TILE_SIDE), 2);
  place.writeUInt8(color, 4);
  place.writeUIntBE(offset, 5, 6);
  return hash('sha256', Buffer.concat([Buffer.from(`strata.place.v1\0${name}\0${board}\0`), place]), 'buffer');
}
