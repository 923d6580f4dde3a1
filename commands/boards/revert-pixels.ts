import { z } from 'zod';
import { name, positionText } from '#commands/fields.ts';
import type { EventOf } from '#commands/view.ts';
import { defineCommand } from '#handling/domain.ts';
import { type BoardEvents, corner, packedPixels } from './events.ts';
import { eachPixel } from './packed-pixels.ts';
import { refusalOf } from './place-pixel.ts';
import { type BoardSettings, boardStream, settingsView } from './settings.ts';
import { tileStream } from './tiles.ts';

/** Gives pixels of one tile the colours of a position: one event, however many there are. No cooldown holds it up. */
export const revertPixels = defineCommand({
  type: 'RevertPixels',
  revertOnly: true,
  schema: z.strictObject({ board: name, left: corner, top: corner, to: positionText, pixels: packedPixels }),
  roles: ['admin'],
  stream: ({ board, left, top }) => tileStream(board, left, top),
  view: null,
  references: ({ board }) => ({ board: { view: settingsView, stream: boardStream(board) } }),
  decide: ({ data }, _state, { board }): readonly EventOf<BoardEvents>[] => {
    eachPixel(data, (x, y, color) => {
      // The reference is folded by `settingsView`.
      const refusal = refusalOf({ board: data.board, x, y, color }, board as BoardSettings | null);
      if (refusal !== null) throw refusal;
    });
    return data.pixels === '' ? [] : [{ type: 'PixelsReverted', data }];
  },
});
