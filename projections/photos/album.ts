import type { Json } from '#events/event.ts';
import type { PhotoDocument } from './photo.ts';

/** The collection of albums, by id. */
export const ALBUMS = 'albums';

export type AlbumDocument = {
  readonly album: string;
  readonly createdAt: string;
  readonly library: string;
  /** How many it has. */
  readonly photos: number;
  /** Sealed until it is read. */
  readonly title: Json;
};

/**
 * The collection of photos that are in albums, by photo: a copy of each, because what an album has is found and read at one
 * position, and a photo's own document does not change with albums.
 */
export const ALBUM_PHOTOS = 'album-photos';

export type AlbumPhotoDocument = {
  /** Sorted. */
  readonly albums: readonly string[];
  readonly photo: PhotoDocument;
};
