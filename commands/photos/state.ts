import { defineView } from '#commands/view.ts';
import { assert } from '#src/assert.ts';
import type { PhotoEvents } from './events.ts';

/** What may be edited of a photo, as it is; personal fields are open, and `null` once they are erased. */
export type PhotoFields = {
  readonly title: string | null;
  readonly caption: string | null;
  readonly rating: number | null;
  readonly takenAt: string | null;
  readonly location: { readonly latitude: number; readonly longitude: number } | null;
};

export type Photo = PhotoFields & {
  readonly library: string;
  readonly sha256: string;
  /** Sorted. */
  readonly tags: readonly string[];
  readonly trashed: boolean;
  /** For good: nothing of the photo is left but that it was there. */
  readonly erased: boolean;
};

const NOTHING_TOLD: PhotoFields = { title: null, caption: null, rating: null, takenAt: null, location: null };

/** `null` while nobody added the photo. */
export const photoView = defineView<PhotoEvents, Photo | null>('photo', null, {
  PhotoAdded: (_state, { library, sha256, takenAt, location }) => ({
    library,
    sha256,
    title: null,
    caption: null,
    rating: null,
    takenAt,
    location,
    tags: [],
    trashed: false,
    erased: false,
  }),
  PhotoEdited: (state, { photo: _photo, addedTags = [], removedTags = [], ...set }) =>
    step(state, ({ tags }) => ({ ...set, tags: changedTags(tags, addedTags, removedTags) })),
  PhotoReverted: (state, { photo: _photo, to: _to, addedTags = [], removedTags = [], ...set }) =>
    step(state, ({ tags }) => ({ ...set, tags: changedTags(tags, addedTags, removedTags) })),
  PhotoTrashed: (state) => step(state, () => ({ trashed: true })),
  PhotoRestored: (state) => step(state, () => ({ trashed: false })),
  PhotoErased: (state) => step(state, () => ({ ...NOTHING_TOLD, tags: [], erased: true })),
});

/** Sets are sorted by UTF-16 units, so that equal sets are equal bytes. */
export function changedTags(
  tags: readonly string[],
  added: readonly string[],
  removed: readonly string[],
): readonly string[] {
  const without = new Set(removed);
  return [...new Set([...tags, ...added])].filter((tag) => !without.has(tag)).sort();
}

function step(state: Photo | null, change: (photo: Photo) => Partial<Photo>): Photo {
  assert(state !== null, 'a photo is added first');
  return { ...state, ...change(state) };
}
