import type { EventOf } from '#commands/view.ts';
import { defineCommand } from '#handling/domain.ts';
import { erasedPhoto } from './errors.ts';
import { imageFields, type PhotoEvents } from './events.ts';
import { ownerOf, requireLibrary } from './library.ts';
import { photoId, photoStream } from './photo-id.ts';
import { photoView } from './state.ts';

/**
 * Sent by the upload of an image. Adding what the library has already changes nothing; what was erased from it does not come
 * back, because its key is never made again.
 */
export const addPhoto = defineCommand({
  type: 'AddPhoto',
  schema: imageFields,
  roles: ['admin', 'account'],
  uploadOnly: true,
  stream: ({ library, sha256 }) => photoStream(photoId(library, sha256)),
  view: photoView,
  references: ({ library }, caller) => ownerOf(library, caller),
  decide: ({ data, caller }, photo, { owner }): readonly EventOf<PhotoEvents>[] => {
    const { library, sha256 } = data;
    requireLibrary(library, caller, owner);
    const id = photoId(library, sha256);
    if (photo?.erased === true) throw erasedPhoto(id);
    return photo === null ? [{ type: 'PhotoAdded', data: { photo: id, ...data } }] : [];
  },
});
