import { z } from 'zod';
import { photoErrors } from '#commands/photos/errors.ts';
import type { Version } from '#history/db.ts';
import type { Item, ItemDefinition, Showing } from '#history/items/items.ts';
import { parsed } from '#projections/queries.ts';
import { ALBUMS, type AlbumDocument } from './album.ts';

/** An account's key sees the albums of its own library; to it others are not there. */
export const albumItems: ItemDefinition = {
  name: 'albums',
  noun: 'an album',
  collection: ALBUMS,
  path: '/v1/albums/{album}',
  shape: z.object({
    album: z.string(),
    library: z.string(),
    title: z.string().nullable(),
    photos: z.int(),
    createdAt: z.string(),
  }),
  show: showAlbum,
  owner: (version) => parsed<AlbumDocument>(version).library,
  count: (albums, library) => (library === null ? albums.count('all', 'all') : albums.count('library', library)),
  unknown: (album) => photoErrors.error('album.unknown', `there is no album "${album}"`),
};

export function showAlbum({ bytes }: Version, { open }: Pick<Showing, 'open'>): Item {
  const { album, library, title, photos, createdAt } = open(bytes);
  return { album, library, title, photos, createdAt };
}
