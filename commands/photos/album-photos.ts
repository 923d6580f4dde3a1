import { z } from 'zod';
import { givenId } from '#commands/fields.ts';
import { albumCommand } from './album-command.ts';
import { ALBUM_PHOTOS_MAX } from './album-events.ts';
import { erasedPhoto, photoErrors } from './errors.ts';
import { photoStream } from './photo-id.ts';
import { type Photo, photoView } from './state.ts';

const schema = z.strictObject({ album: givenId, photo: givenId });

/** A photo may be in any number of its library's albums. */
export const addToAlbum = albumCommand({
  type: 'AddToAlbum',
  schema,
  references: ({ photo }) => ({ photo: { view: photoView, stream: photoStream(photo) } }),
  decide: ({ data }, { library, photos }, references) => {
    // Folded by `photoView`.
    const photo = references.photo as Photo | null;
    if (photo?.library !== library) {
      throw photoErrors.error('photo.unknown', `there is no photo "${data.photo}" in the album's library`);
    }
    if (photo.erased) throw erasedPhoto(data.photo);
    if (photos.has(data.photo)) return [];
    if (photos.size >= ALBUM_PHOTOS_MAX) {
      throw photoErrors.error('album.too-many-photos', `the album has ${ALBUM_PHOTOS_MAX} photos`);
    }
    return [{ type: 'AlbumPhotoAdded', data }];
  },
});

export const removeFromAlbum = albumCommand({
  type: 'RemoveFromAlbum',
  schema,
  decide: ({ data }, { photos }) => (photos.has(data.photo) ? [{ type: 'AlbumPhotoRemoved', data }] : []),
});
