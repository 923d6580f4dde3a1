import type { EventOf } from '#commands/view.ts';
import { defineCommand } from '#handling/domain.ts';
import { photoErrors } from './errors.ts';
import { imageFields, type PhotoEvents } from './events.ts';
import { DEFAULT_LIBRARY, ownerStream, ownerView } from './library.ts';
import { photoId, photoStream } from './photo-id.ts';
import { photoView } from './state.ts';

/** Sent by the upload of an image. Adding what the library has already changes nothing. */
export const addPhoto = defineCommand({
  type: 'AddPhoto',
  schema: imageFields,
  roles: ['admin', 'account'],
  uploadOnly: true,
  stream: ({ library, sha256 }) => photoStream(photoId(library, sha256)),
  view: photoView,
  // A caller's own account is there: it has a key.
  references: ({ library }, caller) =>
    caller.role === 'admin' && library !== DEFAULT_LIBRARY
      ? { owner: { view: ownerView, stream: ownerStream(library) } }
      : {},
  decide: ({ data, caller }, photo, { owner }): readonly EventOf<PhotoEvents>[] => {
    const { library, sha256 } = data;
    const isTheirs =
      caller.role === 'account' ? caller.account === library : library === DEFAULT_LIBRARY || owner === true;
    if (!isTheirs) throw photoErrors.error('photo.unknown-library', `there is no library "${library}"`);
    return photo === null ? [{ type: 'PhotoAdded', data: { photo: photoId(library, sha256), ...data } }] : [];
  },
});
