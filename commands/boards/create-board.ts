import { z } from 'zod';
import { name } from '#commands/fields.ts';
import type { EventOf } from '#commands/view.ts';
import { defineCommand } from '#handling/domain.ts';
import { boardErrors } from './errors.ts';
import { BOARD_SIDE_MAX, type BoardEvents } from './events.ts';
import { PLACE_2017, palette } from './palette.ts';
import { boardStream, settingsView } from './settings.ts';

const side = z.int().min(1).max(BOARD_SIDE_MAX);

export const createBoard = defineCommand({
  type: 'CreateBoard',
  schema: z.strictObject({
    board: name,
    width: side,
    height: side,
    palette: palette.default([...PLACE_2017]),
    cooldownSeconds: z.int().min(0).max(3600).default(0),
  }),
  roles: ['admin'],
  stream: ({ board }) => boardStream(board),
  view: settingsView,
  decide: ({ data }, board): readonly EventOf<BoardEvents>[] => {
    if (board !== null) throw boardErrors.error('board.exists', `there is a board "${data.board}"`);
    return [{ type: 'BoardCreated', data }];
  },
});
