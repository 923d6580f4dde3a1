import { z } from 'zod';
import { givenId, name, positionText } from '#commands/fields.ts';
import { albumCommand } from './album-command.ts';
import { ALBUM_PHOTOS_MAX, albumTitle } from './album-events.ts';
import { ownerOf, requireLibrary } from './library.ts';

/** Brings back an album's title and photos of a position; one that was deleted since is there again. */
export const revertAlbum = albumCommand({
  type: 'RevertAlbum',
  revertOnly: true,
  takesDeleted: true,
  schema: z.strictObject({
    album: givenId,
    /** Whose it was then, which never changes. */
    library: name,
    to: positionText,
    title: albumTitle.nullable(),
    photos: z.array(givenId).max(ALBUM_PHOTOS_MAX),
  }),
  references: ({ library }, caller) => ownerOf(library, caller),
  decide: ({ data: { album, to, title, photos }, caller }, now, { owner }) => {
    const { library, createdAt, deleted } = now;
    requireLibrary(library, caller, owner);
    const then = new Set(photos);
    const added = [...then.difference(now.photos)];
    const removed = [...now.photos.difference(then)];
    if (!deleted && title === now.title && added.length + removed.length === 0) return [];
    return [{ type: 'AlbumReverted', data: { album, to, library, title, createdAt, added, removed } }];
  },
});
