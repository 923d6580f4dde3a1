import { errorTable } from '#src/errors.ts';

export const refErrors = errorTable({
  'ref.unknown': { status: 404, title: 'There is no such ref' },
  'ref.moved': { status: 409, title: 'The ref is not where it was expected to be' },
});
