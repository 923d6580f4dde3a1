import { defineInvariant } from '#commands/invariant.ts';
import { counted, type DomainAudit } from '#handling/invariant.ts';
import type { BoardEvents, PixelPlaced } from './events.ts';
import { eachPixel } from './packed-pixels.ts';
import { TILE_SIDE, tileOf } from './tiles.ts';

type Settings = { readonly width: number; readonly height: number; readonly colours: number };
type Boards = { readonly byName: Map<string, Settings>; pixels: number };

const pixelsFit = defineInvariant<BoardEvents, Boards>(
  'pixels lie on their board, in a colour of its palette',
  () => ({ byName: new Map(), pixels: 0 }),
  {
    BoardCreated: ({ byName }, { board, width, height, palette }) => {
      if (byName.has(board)) return `board ${board} is created twice`;
      byName.set(board, { width, height, colours: palette.length });
      return null;
    },
    PixelPlaced: set,
    PixelsReverted: (state, data, stream) => {
      const { board } = data;
      let broken: string | null = null;
      eachPixel(data, (x, y, color) => {
        broken = set(state, { board, x, y, color }, stream) ?? broken;
      });
      return broken;
    },
  },
  ({ byName, pixels }) => `${counted(byName.size, 'board')}, ${counted(pixels, 'pixel')}`,
);

export const boardsAudit: DomainAudit = { invariants: [pixelsFit] };

function set(state: Boards, { board, x, y, color }: PixelPlaced, stream: string): string | null {
  state.pixels += 1;
  const settings = state.byName.get(board);
  if (settings === undefined) return `board ${board} was never created`;
  const { width, height, colours } = settings;
  if (!(x >= 0 && x < width && y >= 0 && y < height)) return `${x}, ${y} is outside of board ${board}`;
  if (!(color >= 0 && color < colours)) return `colour ${color} is not in the palette of board ${board}`;
  const tile = tileOf(stream);
  const fits = tile.board === board && isWithin(x, tile.left) && isWithin(y, tile.top);
  return fits ? null : `${x}, ${y} on board ${board} is not of the tile ${stream}`;
}

function isWithin(value: number, from: number): boolean {
  return value >= from && value < from + TILE_SIDE;
}
