import { errorTable } from '#src/errors.ts';

export const boardErrors = errorTable({
  'board.unknown': { status: 404, title: 'There is no such board' },
  'board.exists': { status: 409, title: 'There is a board of this name' },
  'board.outside': { status: 422, title: 'The pixel is outside the board' },
  'board.unknown-colour': { status: 422, title: 'The colour is not in the palette' },
  'board.cooldown': { status: 429, title: 'The next pixel may not be placed yet' },
});
