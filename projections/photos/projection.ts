import type { PhotoEvents } from '#commands/photos/events.ts';
import { changedTags } from '#commands/photos/state.ts';
import { collection, type Document, defineProjection, type FoldContext } from '#history/projection.ts';
import { defineFolds, timeText } from '#projections/folds.ts';
import { assert } from '#src/assert.ts';
import { ALBUM_PHOTOS, ALBUMS, type AlbumDocument, type AlbumPhotoDocument } from './album.ts';
import { albumFolds, changeInAlbums, eraseFromAlbums } from './album-folds.ts';
import { PHOTOS, type PhotoDocument, takenOrder } from './photo.ts';

/** Every photo, found by library, by tag and by album, in the order in which they were taken; and every album. */
export const photosProjection = defineProjection({
  name: 'photos',
  version: 1,
  structures: [
    collection(PHOTOS, {
      indexes: {
        library: { value: (document) => photoOf(document).library, sort: byTime },
        tag: { value: tagged, sort: byTime },
        blob: { value: (document) => photoOf(document).sha256, sort: byNothing },
      },
      counters: {
        all: (document) => (photoOf(document).trashed ? 'trashed' : 'kept'),
        library: (document) => (photoOf(document).trashed ? null : photoOf(document).library),
      },
    }),
    collection(ALBUMS, {
      indexes: {
        library: { value: (document) => albumOf(document).library, sort: (document) => albumOf(document).createdAt },
      },
      counters: { all: () => 'all', library: (document) => albumOf(document).library },
    }),
    collection(ALBUM_PHOTOS, {
      indexes: {
        album: { value: (document) => memberOf(document).albums, sort: (document) => byTime(memberOf(document).photo) },
      },
    }),
  ],
  folds: {
    ...defineFolds<PhotoEvents>({
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
      PhotoReverted: ({ photo, to: _to, addedTags = [], removedTags = [], ...set }, _event, context) =>
        change(context, photo, ({ tags }) => ({ ...set, tags: changedTags(tags, addedTags, removedTags) })),
      PhotoTrashed: ({ photo }, _event, context) => change(context, photo, () => ({ trashed: true })),
      PhotoRestored: ({ photo }, _event, context) => change(context, photo, () => ({ trashed: false })),
      PhotoErased: ({ photo }, _event, context) => {
        eraseFromAlbums(context, photo);
        context.collection(PHOTOS).erase(photo);
      },
    }),
    ...albumFolds,
  },
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

/** Rows of one value stand in the order of their keys. */
function byNothing(): null {
  return null;
}

function change(context: FoldContext, photo: string, changes: (before: PhotoDocument) => Partial<PhotoDocument>): void {
  const photos = context.collection(PHOTOS);
  const before = photos.get(photo);
  assert(before !== null, 'a photo is added first');
  const after = { ...photoOf(before), ...changes(photoOf(before)) };
  photos.put(photo, after);
  changeInAlbums(context, after);
}

// This projection alone writes these collections.
function photoOf(document: Document): PhotoDocument {
  return document as PhotoDocument;
}

function albumOf(document: Document): AlbumDocument {
  return document as AlbumDocument;
}

function memberOf(document: Document): AlbumPhotoDocument {
  return document as AlbumPhotoDocument;
}
