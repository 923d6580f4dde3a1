import type { Domain } from '#handling/domain.ts';
import { albumItems } from '#projections/photos/album-items.ts';
import { albumQueries } from '#projections/photos/album-queries.ts';
import { albumReverts } from '#projections/photos/album-revert.ts';
import { photoItems } from '#projections/photos/items.ts';
import { leftInLibrary } from '#projections/photos/left-in-library.ts';
import { originals } from '#projections/photos/originals.ts';
import { photosProjection } from '#projections/photos/projection.ts';
import { photoQueries } from '#projections/photos/queries.ts';
import { photoReverts } from '#projections/photos/revert.ts';
import { addPhoto } from './add-photo.ts';
import { albumEvents } from './album-events.ts';
import { addToAlbum, removeFromAlbum } from './album-photos.ts';
import { albumRoutes } from './album-routes.ts';
import { createAlbum, deleteAlbum, renameAlbum } from './albums.ts';
import { photosAudit } from './audit.ts';
import { editPhoto } from './edit-photo.ts';
import { erasePhoto } from './erase-photo.ts';
import { photoErrors } from './errors.ts';
import { photoEvents } from './events.ts';
import { isPhotoId } from './photo-id.ts';
import { revertAlbum } from './revert-album.ts';
import { revertPhoto } from './revert-photo.ts';
import { photoRoutes, photoUploads } from './routes.ts';
import { restorePhoto, trashPhoto } from './trash.ts';

/** The photo library: originals that never change, what is told of them, and albums. */
export const photos: Domain = {
  name: 'photos',
  events: [...photoEvents, ...albumEvents],
  commands: [
    addPhoto,
    editPhoto,
    trashPhoto,
    restorePhoto,
    erasePhoto,
    revertPhoto,
    createAlbum,
    renameAlbum,
    addToAlbum,
    removeFromAlbum,
    deleteAlbum,
    revertAlbum,
  ],
  errors: photoErrors,
  reactors: [],
  projections: [photosProjection],
  items: [photoItems, albumItems],
  commandRoutes: [...photoRoutes, ...albumRoutes],
  uploadRoutes: photoUploads,
  revertRoutes: [...photoReverts, ...albumReverts],
  queryRoutes: [...photoQueries, ...albumQueries],
  audit: photosAudit,
  blobs: originals,
  erasure: (subject) => (isPhotoId(subject) ? { type: 'ErasePhoto', data: { photo: subject } } : null),
  erasedWith: leftInLibrary,
};
