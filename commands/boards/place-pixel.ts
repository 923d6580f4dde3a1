import { z } from 'zod';
import { name } from '#commands/fields.ts';
import type { EventOf } from '#commands/view.ts';
import { defineCommand } from '#handling/domain.ts';
import type { StrataError } from '#src/errors.ts';
import { cooldownOf } from './cooldown.ts';
import { boardErrors } from './errors.ts';
import type { BoardEvents } from './events.ts';
import { type BoardSettings, boardStream, settingsView } from './settings.ts';
import { tileStream } from './tiles.ts';

// Any integer is understood; what does not lie on the board is refused by deciding, with its own error.
const schema = z.strictObject({ board: name, x: z.int(), y: z.int(), color: z.int() });
type PlacePixel = z.infer<typeof schema>;

/** Loads no stream of its own and appends to whatever is there: the last pixel wins. */
export const placePixel = defineCommand({
  type: 'PlacePixel',
  schema,
  roles: ['admin', 'account'],
  stream: ({ board, x, y }) => tileStream(board, x, y),
  view: null,
  references: ({ board }) => ({ board: { view: settingsView, stream: boardStream(board) } }),
  admission: (data, { board }, caller) => {
    const settings = board as Settings;
    // What will be refused anyway takes nobody's turn.
    if (settings === null || settings.cooldownSeconds === 0 || refusalOf(data, settings) !== null) return null;
    return cooldownOf(data.board, caller.actor, settings.cooldownSeconds);
  },
  decide: ({ data }, _state, { board }): readonly EventOf<BoardEvents>[] => {
    const refusal = refusalOf(data, board as Settings);
    if (refusal !== null) throw refusal;
    return [{ type: 'PixelPlaced', data }];
  },
});

/** The reference is folded by `settingsView`. */
type Settings = BoardSettings | null;

/** Why a pixel cannot be set on the board, or `null`. */
export function refusalOf({ board, x, y, color }: PlacePixel, settings: Settings): StrataError | null {
  if (settings === null) return boardErrors.error('board.unknown', `there is no board "${board}"`);
  const { width, height, colours } = settings;
  if (x < 0 || y < 0 || x >= width || y >= height) {
    return boardErrors.error('board.outside', `${x},${y} is outside of ${width} x ${height}`);
  }
  if (color < 0 || color >= colours) {
    return boardErrors.error('board.unknown-colour', `${color} is not one of the colours 0 to ${colours - 1}`);
  }
  return null;
}
