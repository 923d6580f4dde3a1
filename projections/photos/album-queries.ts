import { name } from '#commands/fields.ts';
import { libraryOf } from '#commands/photos/library.ts';
import type { QueryRoute } from '#history/routes.ts';
import { itemRoutes } from '#projections/item-routes.ts';
import { defineQuery, listOf, listQuery, listReading, pageOf } from '#projections/queries.ts';
import { ALBUMS } from './album.ts';
import { albumItems, showAlbum } from './album-items.ts';

export const albumQueries: readonly QueryRoute[] = [
  defineQuery({
    path: '/v1/albums',
    summary: 'Albums of a library, oldest first',
    public: false,
    query: listQuery.extend({
      account: name.optional().describe('whose library: the admin names one, an account has its own'),
    }),
    answers: listOf(albumItems.shape),
    read: (context) => {
      const { db, query, reader } = context;
      const value = libraryOf(reader, query.account);
      const page = db.collection(ALBUMS).list({ index: 'library', value, ...pageOf(query) });
      return listReading(db, page, (version) => showAlbum(version, context));
    },
  }),
  ...itemRoutes(albumItems),
];
