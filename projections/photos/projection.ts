import type { PhotoEvents } from '#commands/photos/events.ts';
import { changedTags } from '#commands/photos/state.ts';
import { collection, type Document, defineProjection, type FoldContext } from '#history/projection.ts';
import { defineFolds, timeText } from '#projections/folds.ts';
import { assert } from '#src/assert.ts';
import { PHOTOS, type PhotoDocument, takenOrder } from './photo.ts';

/** Every photo, found by library and by tag, in the order in which they were taken. */
export const photosProjection = defineProjection({
  name: 'photos',
  version: 1,
  structures: [
    collection(PHOTOS, {
      indexes: {
        library: { value: (document) => photoOf(document).library, sort: byTime },
        tag: { value: tagged, sort: byTime },
      },
    }),
  ],
  folds: defineFolds<PhotoEvents>({
    PhotoAdded: (added, { at }, context) => {
      const { bytes, exif, fileName, height, library, location, mediaType, photo, sha256, takenAt, width } = added;
      const document: PhotoDocument = {
        addedAt: timeText(at),
        bytes,
        caption: null,
        exif,
        fileName,
        height,
        library,
        location,
        mediaType,
        photo,
        rating: null,
        sha256,
        tags: [],
        takenAt,
        title: null,
        trashed: false,
        width,
      };
      context.collection(PHOTOS).put(photo, document);
    },
    PhotoEdited: ({ photo, addedTags = [], removedTags = [], ...set }, _event, context) =>
      change(context, photo, ({ tags }) => ({ ...set, tags: changedTags(tags, addedTags, removedTags) })),
    PhotoTrashed: ({ photo }, _event, context) => change(context, photo, () => ({ trashed: true })),
    PhotoRestored: ({ photo }, _event, context) => change(context, photo, () => ({ trashed: false })),
  }),
});

/** A library and a tag as one value: no library's name has a slash. */
export function tagValue(library: string, tag: string): string {
  return `${library}/${tag}`;
}

function tagged(document: Document): readonly string[] {
  const { library, tags } = photoOf(document);
  return tags.map((tag) => tagValue(library, tag));
}

function byTime(document: Document): string {
  const { takenAt, addedAt } = photoOf(document);
  return takenOrder(takenAt, addedAt);
}

function change(context: FoldContext, photo: string, changes: (before: PhotoDocument) => Partial<PhotoDocument>): void {
  const photos = context.collection(PHOTOS);
  const before = photos.get(photo);
  assert(before !== null, 'a photo is added first');
  photos.put(photo, { ...before, ...changes(photoOf(before)) });
}

function photoOf(document: Document): PhotoDocument {
  // This projection alone writes the collection.
  return document as PhotoDocument;
}
