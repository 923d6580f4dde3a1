import { z } from 'zod';
import { location } from '#commands/fields.ts';
import { photoErrors } from '#commands/photos/errors.ts';
import type { Version } from '#history/db.ts';
import type { Item, ItemDefinition, Showing } from '#history/items/items.ts';
import { parsed } from '#projections/queries.ts';
import { PHOTOS, type PhotoDocument } from './photo.ts';

/** How the actor of an account's key begins. */
const ACCOUNT = 'account:';

/** An account's key sees its own library; to it other photos are not there. */
export const photoItems: ItemDefinition = {
  name: 'photos',
  noun: 'a photo',
  collection: PHOTOS,
  path: '/v1/photos/{photo}',
  shape: z.object({
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
  }),
  show: showPhoto,
  owner: (version) => parsed<PhotoDocument>(version).library,
  erasedOwner: ({ data, actor }) => (typeof data.library === 'string' ? data.library : accountOf(actor)),
  count: (photos, library) => (library === null ? photos.count('all', 'kept') : photos.count('library', library)),
  unknown: (photo) => photoErrors.error('photo.unknown', `there is no photo "${photo}"`),
};

export function showPhoto({ bytes }: Version, { open }: Pick<Showing, 'open'>): Item {
  const { library: _library, fileName: _fileName, ...rest } = open(bytes);
  return rest;
}

/** An account's key erases what is its own alone. */
function accountOf(actor: string): string | null {
  return actor.startsWith(ACCOUNT) ? actor.slice(ACCOUNT.length) : null;
}
