import type { Domain } from '#handling/domain.ts';
import { photosProjection } from '#projections/photos/projection.ts';
import { photoQueries } from '#projections/photos/queries.ts';
import { addPhoto } from './add-photo.ts';
import { editPhoto } from './edit-photo.ts';
import { photoErrors } from './errors.ts';
import { photoEvents } from './events.ts';
import { photoRoutes, photoUploads } from './routes.ts';
import { restorePhoto, trashPhoto } from './trash.ts';

/** The photo library: originals that never change, and what is told of them. */
export const photos: Domain = {
  name: 'photos',
  events: photoEvents,
  commands: [addPhoto, editPhoto, trashPhoto, restorePhoto],
  errors: photoErrors,
  reactors: [],
  projections: [photosProjection],
  commandRoutes: photoRoutes,
  uploadRoutes: photoUploads,
  queryRoutes: photoQueries,
};
