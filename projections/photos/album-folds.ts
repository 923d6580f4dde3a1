import type { AlbumEvents } from '#commands/photos/album-events.ts';
import type { Document, FoldContext } from '#history/projection.ts';
import { defineFolds, timeText } from '#projections/folds.ts';
import { assert } from '#src/assert.ts';
import { ALBUM_PHOTOS, ALBUMS, type AlbumDocument, type AlbumPhotoDocument } from './album.ts';
import { PHOTOS, type PhotoDocument } from './photo.ts';

export const albumFolds = defineFolds<AlbumEvents>({
  AlbumCreated: ({ album, library, title }, { at }, context) => {
    const created: AlbumDocument = { album, createdAt: timeText(at), library, photos: 0, title };
    context.collection(ALBUMS).put(album, created);
  },
  AlbumRenamed: ({ album, title }, _event, context) => change(context, album, { title }),
  AlbumPhotoAdded: ({ album, photo }, _event, context) => count(context, album, join(context, album, photo)),
  AlbumPhotoRemoved: ({ album, photo }, _event, context) => count(context, album, -leave(context, album, photo)),
  AlbumDeleted: ({ album, photos }, _event, context) => {
    for (const photo of photos) leave(context, album, photo);
    context.collection(ALBUMS).delete(album);
  },
  AlbumReverted: ({ album, library, title, createdAt, added, removed }, _event, context) => {
    let photos = albumAt(context, album)?.photos ?? 0;
    for (const photo of removed) photos -= leave(context, album, photo);
    for (const photo of added) photos += join(context, album, photo);
    const reverted: AlbumDocument = { album, createdAt, library, photos, title };
    context.collection(ALBUMS).put(album, reverted);
  },
});

/** What an album shows of a photo follows the photo. */
export function changeInAlbums(context: FoldContext, photo: PhotoDocument): void {
  const member = memberAt(context, photo.photo);
  if (member !== null) context.collection(ALBUM_PHOTOS).put(photo.photo, { ...member, photo });
}

/** An erased photo is in no album, nor was it at any position. */
export function eraseFromAlbums(context: FoldContext, photo: string): void {
  for (const album of memberAt(context, photo)?.albums ?? []) count(context, album, -1);
  context.collection(ALBUM_PHOTOS).erase(photo);
}

/** 1 when the photo came in. A photo may have been erased while it was added. */
function join(context: FoldContext, album: string, photo: string): number {
  const document = context.collection(PHOTOS).get(photo);
  if (document === null) return 0;
  const albums = memberAt(context, photo)?.albums ?? [];
  if (albums.includes(album)) return 0;
  // The projection of photos alone writes the collection.
  const member: AlbumPhotoDocument = { albums: [...albums, album].sort(), photo: document as PhotoDocument };
  context.collection(ALBUM_PHOTOS).put(photo, member);
  return 1;
}

/** 1 when the photo was in it. */
function leave(context: FoldContext, album: string, photo: string): number {
  const member = memberAt(context, photo);
  if (member === null || !member.albums.includes(album)) return 0;
  const albums = member.albums.filter((other) => other !== album);
  if (albums.length === 0) context.collection(ALBUM_PHOTOS).delete(photo);
  else context.collection(ALBUM_PHOTOS).put(photo, { ...member, albums });
  return 1;
}

function count(context: FoldContext, album: string, more: number): void {
  if (more === 0) return;
  const before = albumAt(context, album);
  assert(before !== null, 'an album that has photos is there');
  change(context, album, { photos: before.photos + more });
}

function change(context: FoldContext, album: string, changes: Partial<AlbumDocument>): void {
  const before = albumAt(context, album);
  assert(before !== null, 'an album is created first');
  context.collection(ALBUMS).put(album, { ...before, ...changes });
}

// These folds alone write the two collections.
function albumAt(context: FoldContext, album: string): AlbumDocument | null {
  return context.collection(ALBUMS).get(album) as (AlbumDocument & Document) | null;
}

function memberAt(context: FoldContext, photo: string): AlbumPhotoDocument | null {
  return context.collection(ALBUM_PHOTOS).get(photo) as (AlbumPhotoDocument & Document) | null;
}
