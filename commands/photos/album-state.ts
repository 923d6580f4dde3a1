import { defineView } from '#commands/view.ts';
import { assert } from '#src/assert.ts';
import type { AlbumEvents } from './album-events.ts';

export type Album = {
  readonly library: string;
  /** Open; `null` once it is erased. */
  readonly title: string | null;
  /** RFC 3339 in UTC with milliseconds. */
  readonly createdAt: string;
  readonly photos: ReadonlySet<string>;
  readonly deleted: boolean;
};

/** `null` while nobody created the album. */
export const albumView = defineView<AlbumEvents, Album | null>('album', null, {
  AlbumCreated: (_state, { library, title }, at) => ({
    library,
    title,
    createdAt: new Date(at).toISOString(),
    photos: new Set(),
    deleted: false,
  }),
  AlbumRenamed: (state, { title }) => step(state, () => ({ title })),
  AlbumPhotoAdded: (state, { photo }) => step(state, ({ photos }) => ({ photos: new Set(photos).add(photo) })),
  AlbumPhotoRemoved: (state, { photo }) => step(state, ({ photos }) => ({ photos: without(photos, [photo]) })),
  AlbumDeleted: (state) => step(state, () => ({ photos: new Set(), deleted: true })),
  AlbumReverted: (state, { title, added, removed }) =>
    step(state, ({ photos }) => ({
      title,
      photos: new Set([...without(photos, removed), ...added]),
      deleted: false,
    })),
});

export function albumStream(album: string): string {
  return `album-${album}`;
}

function without(photos: ReadonlySet<string>, removed: readonly string[]): ReadonlySet<string> {
  return photos.difference(new Set(removed));
}

function step(state: Album | null, change: (album: Album) => Partial<Album>): Album {
  assert(state !== null, 'an album is created first');
  return { ...state, ...change(state) };
}
