import { z } from 'zod';
import { name, text } from '#commands/fields.ts';
import { defineEvent } from '#events/definition.ts';

export const albumTitle = text(200, 1);

/** So that a revert, which may add and remove as many at once, is one write. */
export const ALBUM_PHOTOS_MAX = 3_000;

const album = z.string();
const photos = z.array(z.string());

// `library` says whose key seals the title.
const albumTitled = z.strictObject({ album, library: name, title: albumTitle });
const albumPhoto = z.strictObject({ album, photo: z.string() });
// `photos` are those that it had.
const albumDeleted = z.strictObject({ album, photos });
// What differed from the state at the position `to`; the rest is told whole, because a deleted album has none.
const albumReverted = z.strictObject({
  album,
  to: z.string(),
  library: name,
  title: albumTitle.nullable(),
  createdAt: z.string(),
  added: photos,
  removed: photos,
});

export type AlbumEvents = {
  readonly AlbumCreated: z.infer<typeof albumTitled>;
  readonly AlbumRenamed: z.infer<typeof albumTitled>;
  readonly AlbumPhotoAdded: z.infer<typeof albumPhoto>;
  readonly AlbumPhotoRemoved: z.infer<typeof albumPhoto>;
  readonly AlbumDeleted: z.infer<typeof albumDeleted>;
  readonly AlbumReverted: z.infer<typeof albumReverted>;
};

/** The subject of the account itself: its erasure takes the titles with it. */
const sealedFor = {
  personal: ['title'],
  subject: (data: { readonly library?: unknown }) => `account:${data.library}`,
};

export const albumEvents = [
  defineEvent({ type: 'AlbumCreated', schema: albumTitled, ...sealedFor }),
  defineEvent({ type: 'AlbumRenamed', schema: albumTitled, ...sealedFor }),
  defineEvent({ type: 'AlbumPhotoAdded', schema: albumPhoto }),
  defineEvent({ type: 'AlbumPhotoRemoved', schema: albumPhoto }),
  defineEvent({ type: 'AlbumDeleted', schema: albumDeleted }),
  defineEvent({ type: 'AlbumReverted', schema: albumReverted, ...sealedFor }),
];
