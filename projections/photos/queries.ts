import { z } from 'zod';
import { location, name, time } from '#commands/fields.ts';
import { photoErrors } from '#commands/photos/errors.ts';
import { tag } from '#commands/photos/events.ts';
import { libraryOf } from '#commands/photos/library.ts';
import type { Db, ListQuery, Version } from '#history/db.ts';
import type { QueryContext, QueryRoute } from '#history/routes.ts';
import { defineQuery, listOf, listQuery, listReading, mayRead, noQuery, pageOf, parsed } from '#projections/queries.ts';
import { AFTER_UNKNOWN, afterTaken, beforeTaken, PHOTOS, type PhotoDocument } from './photo.ts';
import { tagValue } from './projection.ts';

const photo = z.object({
  photo: z.string(),
  sha256: z.string(),
  bytes: z.int(),
  mediaType: z.string(),
  width: z.int(),
  height: z.int(),
  takenAt: z.string().nullable(),
  title: z.string().nullable(),
  caption: z.string().nullable(),
  rating: z.int().nullable(),
  location: location.nullable(),
  tags: z.array(z.string()),
  addedAt: z.string(),
  trashed: z.boolean(),
  exif: z.record(z.string(), z.unknown()).nullable(),
});

const photosQuery = listQuery.extend({
  tag: tag.optional().describe('only photos with this tag'),
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
    answers: listOf(photo),
    read: ({ db, query, reader, open }) => {
      const page = db.collection(PHOTOS).list(toList(query, libraryOf(reader, query.account)));
      return listReading(db, page, (version) => described(version, open));
    },
  }),
  defineQuery({
    path: '/v1/photos/{photo}',
    summary: 'A photo',
    public: false,
    query: noQuery,
    answers: photo,
    read: (context) => {
      const version = visible(context);
      const lastChange = (db: Db) => db.collection(PHOTOS).lastChange(version.key);
      return { offset: version.offset, body: described(version, context.open), lastChange };
    },
  }),
  defineQuery({
    path: '/v1/photos/{photo}/original',
    summary: 'The bytes as they were uploaded',
    public: false,
    query: noQuery,
    answers: 'image/*',
    read: (context) => {
      const version = visible(context);
      const { sha256, mediaType } = parsed<PhotoDocument>(version);
      return { offset: version.offset, body: { blob: sha256 }, mediaType };
    },
  }),
];

function toList(query: z.infer<typeof photosQuery>, library: string): ListQuery {
  const { tag, takenAfter, takenBefore } = query;
  const bounds = {
    ...(takenAfter !== undefined && { sortAfter: afterTaken(takenAfter) }),
    ...(takenBefore !== undefined && { sortBefore: beforeTaken(takenBefore) }),
    // A photo whose time is not known was taken before nothing.
    ...(takenAfter === undefined && takenBefore !== undefined && { sortAfter: AFTER_UNKNOWN }),
  };
  return {
    ...(tag === undefined ? { index: 'library', value: library } : { index: 'tag', value: tagValue(library, tag) }),
    ...bounds,
    ...(query.trashed === 'false' && { where: isKept }),
    ...pageOf(query),
  };
}

function isKept(bytes: Buffer): boolean {
  return !bytes.includes(TRASHED);
}

/** @throws photo.unknown */
function visible({ db, params, reader }: Pick<QueryContext, 'db' | 'params' | 'reader'>): Version {
  const version = db.collection(PHOTOS).get(params.photo!);
  if (version === null || !mayRead(reader, parsed<PhotoDocument>(version).library)) {
    throw photoErrors.error('photo.unknown', `there is no photo "${params.photo}"`);
  }
  return version;
}

function described({ bytes }: Version, open: QueryContext['open']) {
  const { library: _library, fileName: _fileName, ...rest } = open(bytes);
  return rest;
}
