import { errors, errorTable, type StrataError } from '#src/errors.ts';

export const photoErrors = errorTable({
  'photo.unknown': { status: 404, title: 'There is no such photo' },
  'photo.unknown-library': { status: 404, title: 'There is no such library' },
  'album.unknown': { status: 404, title: 'There is no such album' },
  'album.too-many-photos': { status: 422, title: 'The album would have more photos than it may have' },
  'photo.too-many-tags': { status: 422, title: 'The photo would have more tags than it may have' },
});

export function erasedPhoto(photo: string): StrataError {
  return errors.error('history.erased', `the photo "${photo}" was erased for good`);
}

export function erasedLibrary(library: string): StrataError {
  return errors.error('history.erased', `the account "${library}", whose library it was, was erased for good`);
}
