import { errorTable } from '#src/errors.ts';

export const photoErrors = errorTable({
  'photo.unknown': { status: 404, title: 'There is no such photo' },
  'photo.unknown-library': { status: 404, title: 'There is no such library' },
  'photo.too-many-tags': { status: 422, title: 'The photo would have more tags than it may have' },
});
