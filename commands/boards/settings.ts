import { defineView } from '#commands/view.ts';
import type { BoardEvents } from './events.ts';

/** What placing a pixel needs to know of its board. They only grow, so an old copy never admits what a new one refuses. */
export type BoardSettings = {
  readonly width: number;
  readonly height: number;
  /** Number of colours in the palette. */
  readonly colours: number;
  readonly cooldownSeconds: number;
};

export const settingsView = defineView<BoardEvents, BoardSettings | null>('board', null, {
  BoardCreated: (_state, { width, height, palette, cooldownSeconds }) => ({
    width,
    height,
    colours: palette.length,
    cooldownSeconds,
  }),
});

export function boardStream(board: string): string {
  return `board-${board}`;
}
