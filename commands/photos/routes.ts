import type { CommandRoute, InspectedArchive, InspectedImage, UploadRoute } from '#handling/routes.ts';
import { assert } from '#src/assert.ts';
import { bounded } from './exif.ts';
import { libraryOf } from './library.ts';
import { photoOf } from './photo-id.ts';

const PHOTO = '/v1/photos/{photo}';
const IMAGE_BYTES_MAX = 64 * 1024 * 1024;
const IMAGES = ['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff', 'heic', 'heif'].map((format) => `image/${format}`);

export const photoRoutes: readonly CommandRoute[] = [
  { method: 'PATCH', path: PHOTO, command: 'EditPhoto', summary: 'Edit what is told of a photo, and its tags' },
  { method: 'DELETE', path: PHOTO, command: 'TrashPhoto', summary: 'Put a photo into the trash', bodyless: true },
  {
    method: 'POST',
    path: `${PHOTO}/restore`,
    command: 'RestorePhoto',
    summary: 'Take a photo out of the trash',
    bodyless: true,
  },
  {
    method: 'POST',
    path: `${PHOTO}/erase`,
    command: 'ErasePhoto',
    summary: 'Remove a photo for good, with every version of it',
    bodyless: true,
    settles: true,
  },
];

export const photoUploads: readonly UploadRoute[] = [
  {
    method: 'POST',
    path: '/v1/photos',
    summary: 'Add a photo: the body is the image itself',
    inspect: 'image',
    mediaTypes: IMAGES,
    bytesMax: IMAGE_BYTES_MAX,
    query: {
      account: 'whose library it goes to: the admin names one, an account has its own',
      fileName: 'what the file is called',
    },
    commands: (inspected, _params, query, caller) => {
      const { sha256, bytes, mediaType, width, height, takenAt, location, exif } = image(inspected);
      const data = {
        library: libraryOf(caller, query.account),
        sha256,
        bytes,
        mediaType,
        width,
        height,
        takenAt: takenAt === null ? null : new Date(takenAt).toISOString(),
        location,
        exif: bounded(exif),
        fileName: query.fileName ?? null,
      };
      return [{ type: 'AddPhoto', data }];
    },
    answer: ({ stream, events }, inspected) => ({
      photo: photoOf(stream),
      sha256: image(inspected).sha256,
      duplicate: events.length === 0,
    }),
  },
];

function image(inspected: InspectedArchive | InspectedImage): InspectedImage {
  assert(inspected.kind === 'image', 'the upload was inspected as an image');
  return inspected;
}
