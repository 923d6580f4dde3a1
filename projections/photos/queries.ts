import { z } from 'zod';
import { givenId, name, time } from '#commands/fields.ts';
import { tag } from '#commands/photos/events.ts';
import { libraryOf } from '#commands/photos/library.ts';
import { documentBytes, documentOf } from '#history/collection/document-bytes.ts';
import type { ListQuery } from '#history/db.ts';
import { visibleVersion } from '#history/items/item-visibility.ts';
import type { QueryContext, QueryRoute, Reading } from '#history/routes.ts';
import { itemRoutes } from '#projections/item-routes.ts';
import { defineQuery, listOf, listQuery, listReading, noQuery, pageOf, parsed } from '#projections/queries.ts';
import { ALBUM_PHOTOS, type AlbumPhotoDocument } from './album.ts';
import { albumItems } from './album-items.ts';
import { photoItems, showPhoto } from './items.ts';
import { AFTER_UNKNOWN, afterTaken, beforeTaken, PHOTOS, type PhotoDocument } from './photo.ts';
import { tagValue } from './projection.ts';

const photosQuery = listQuery.extend({
  tag: tag.optional().describe('only photos with this tag'),
  album: givenId.optional().describe('only photos in this album'),
  takenAfter: time.optional().describe('only photos taken after this time'),
  takenBefore: time.optional().describe('only photos taken before this time'),
  trashed: z.enum(['true', 'false']).default('false').describe('`true` leaves trashed photos in'),
  account: name.optional().describe('whose library: the admin names one, an account has its own'),
});

/** Without white space, as documents are written. No text of a photo can look like it: quotes within are escaped. */
const TRASHED = Buffer.from('"trashed":true');

/** An account's key sees its own library; to it other photos are not there. */
export const photoQueries: readonly QueryRoute[] = [
  defineQuery({
    path: '/v1/photos',
    summary: 'Photos of a library, in the order in which they were taken; those of unknown time first',
    public: false,
    query: photosQuery,
    answers: listOf(photoItems.shape),
    read: (context) => {
      const { db, query, reader } = context;
      if (query.album !== undefined) return albumReading(query.album, query, context);
      const page = db.collection(PHOTOS).list(toList(query, libraryOf(reader, query.account)));
      return listReading(db, page, (version) => showPhoto(version, context));
    },
  }),
  ...itemRoutes(photoItems),
  defineQuery({
    path: '/v1/photos/{photo}/original',
    summary: 'The bytes as they were uploaded',
    public: false,
    query: noQuery,
    answers: 'image/*',
    read: (context) => {
      const version = visibleVersion(photoItems, context.params.photo!, context);
      const { sha256, mediaType } = parsed<PhotoDocument>(version);
      return { offset: version.offset, body: { blob: sha256 }, mediaType };
    },
  }),
];

type PhotosQuery = z.infer<typeof photosQuery>;

function toList(query: PhotosQuery, library: string): ListQuery {
  const { tag } = query;
  return {
    ...(tag === undefined ? { index: 'library', value: library } : { index: 'tag', value: tagValue(library, tag) }),
    ...boundsOf(query),
    ...(query.trashed === 'false' && { where: isKept }),
    ...pageOf(query),
  };
}

/** @throws album.unknown */
function albumReading(album: string, query: PhotosQuery, context: Omit<QueryContext, 'query'>): Reading {
  const { tag, trashed, account } = query;
  const owner = albumItems.owner(visibleVersion(albumItems, album, context));
  if (account !== undefined && account !== owner) throw albumItems.unknown(album);
  const page = context.db.collection(ALBUM_PHOTOS).list({
    index: 'album',
    value: album,
    ...boundsOf(query),
    where: (bytes) => (trashed === 'true' || isKept(bytes)) && (tag === undefined || hasTag(bytes, tag)),
    ...pageOf(query),
  });
  return listReading(context.db, page, (version) => {
    const { photo } = parsed<AlbumPhotoDocument>(version);
    return showPhoto({ ...version, bytes: documentBytes(photo) }, context);
  });
}

function hasTag(bytes: Buffer, tag: string): boolean {
  // Only folds write documents.
  return (documentOf(bytes) as AlbumPhotoDocument).photo.tags.includes(tag);
}

function boundsOf({ takenAfter, takenBefore }: PhotosQuery): Pick<ListQuery, 'sortAfter' | 'sortBefore'> {
  return {
    ...(takenAfter !== undefined && { sortAfter: afterTaken(takenAfter) }),
    ...(takenBefore !== undefined && { sortBefore: beforeTaken(takenBefore) }),
    // A photo whose time is not known was taken before nothing.
    ...(takenAfter === undefined && takenBefore !== undefined && { sortAfter: AFTER_UNKNOWN }),
  };
}

function isKept(bytes: Buffer): boolean {
  return !bytes.includes(TRASHED);
}
