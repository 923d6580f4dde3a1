import { errorTable } from '#src/errors.ts';

export const systemErrors = errorTable({
  'projection.superseded': { status: 409, title: 'A later copy of the projection was promoted' },
});
