import type { RecordedEvent } from '#events/event.ts';
import type { ErasedWith } from '#handling/domain.ts';
import type { Db } from '#history/db.ts';
import { ALBUMS } from './album.ts';
import { PHOTOS } from './photo.ts';

const AT_ONCE_MAX = 64;

/** With an account goes its library: its photos for good, then its albums, whose titles are unreadable by then. */
export function leftInLibrary({ type, data }: RecordedEvent, db: Db): readonly ErasedWith[] {
  if (type !== 'AccountErased') return [];
  const library = { index: 'library', value: String(data.account), limit: AT_ONCE_MAX };
  const photos = db.collection(PHOTOS).list(library).items;
  if (photos.length > 0) return photos.map(({ key }) => ({ type: 'ErasePhoto', data: { photo: key } }));
  const albums = db.collection(ALBUMS).list(library).items;
  return albums.map(({ key }) => ({ type: 'DeleteAlbum', data: { album: key } }));
}
