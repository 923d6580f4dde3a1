import { z } from 'zod';
import { givenId, name } from '#commands/fields.ts';
import { defineCommand } from '#handling/domain.ts';
import { type AlbumEvent, albumCommand } from './album-command.ts';
import { albumTitle } from './album-events.ts';
import { albumStream, albumView } from './album-state.ts';
import { DEFAULT_LIBRARY, ownerOf, requireLibrary } from './library.ts';

export const createAlbum = defineCommand({
  type: 'CreateAlbum',
  schema: z.strictObject({
    /** The caller's own unless told. */
    library: name.optional(),
    title: albumTitle,
  }),
  roles: ['admin', 'account'],
  make: (fresh) => ({ album: fresh.id('album') }),
  stream: (_data, { album }) => albumStream(album!),
  view: albumView,
  references: ({ library }, caller) => ownerOf(library ?? caller.account ?? DEFAULT_LIBRARY, caller),
  decide: ({ data, caller, made }, album, { owner }): readonly AlbumEvent[] => {
    const library = data.library ?? caller.account ?? DEFAULT_LIBRARY;
    requireLibrary(library, caller, owner);
    return album === null ? [{ type: 'AlbumCreated', data: { album: made.album!, library, title: data.title } }] : [];
  },
});

export const renameAlbum = albumCommand({
  type: 'RenameAlbum',
  schema: z.strictObject({ album: givenId, title: albumTitle }),
  decide: ({ data }, { library, title }) =>
    data.title === title ? [] : [{ type: 'AlbumRenamed', data: { ...data, library } }],
});

/** The photos stay in the library. */
export const deleteAlbum = albumCommand({
  type: 'DeleteAlbum',
  takesSystem: true,
  schema: z.strictObject({ album: givenId }),
  decide: ({ data }, { photos }) => [{ type: 'AlbumDeleted', data: { ...data, photos: [...photos] } }],
});
