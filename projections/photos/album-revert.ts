import { z } from 'zod';
import type { RevertRoute } from '#handling/routes.ts';
import type { Db } from '#history/db.ts';
import { versionToRestore } from '#projections/item-revert.ts';
import { ALBUM_PHOTOS } from './album.ts';
import { albumItems } from './album-items.ts';
import { PHOTOS } from './photo.ts';

const PAGE_PHOTOS = 1_000;

export const albumReverts: readonly RevertRoute[] = [
  {
    path: '/v1/albums/{album}/revert',
    command: 'RevertAlbum',
    summary: 'Bring back the title and the photos of an album; one that was deleted since is there again',
    body: z.strictObject({}),
    read: (context) => {
      const album = context.params.album!;
      const then = context.open(versionToRestore(albumItems, album, context).bytes);
      const erased = context.now.collection(PHOTOS);
      const photos = photosIn(context.db, album).filter((photo) => !erased.isErased(photo));
      return { album, library: then.library as string, to: context.to, title: then.title as string | null, photos };
    },
  },
];

function photosIn(db: Db, album: string): string[] {
  const photos: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = { index: 'album', value: album, limit: PAGE_PHOTOS, ...(cursor !== undefined && { cursor }) };
    const page = db.collection(ALBUM_PHOTOS).list(query);
    photos.push(...page.items.map(({ key }) => key));
    cursor = page.next;
  }
  return photos;
}
