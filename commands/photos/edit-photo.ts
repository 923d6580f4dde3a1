import { z } from 'zod';
import { givenId, location, time } from '#commands/fields.ts';
import { photoErrors } from './errors.ts';
import { caption, type PhotoEvents, rating, tag, title } from './events.ts';
import { photoCommand } from './photo-command.ts';
import { changedTags, type Photo, type PhotoFields } from './state.ts';

export const TAGS_MAX = 64;

const tags = z.array(tag).max(TAGS_MAX);

/** Changes some fields and leaves the rest: an edit is an instruction, the original stays as it is. */
export const editPhoto = photoCommand({
  type: 'EditPhoto',
  schema: z.strictObject({
    photo: givenId,
    set: z
      .strictObject({
        title: z.exactOptional(title.nullable()),
        caption: z.exactOptional(caption.nullable()),
        rating: z.exactOptional(rating.nullable()),
        takenAt: z.exactOptional(time.nullable()),
        location: z.exactOptional(location.nullable()),
      })
      .default({}),
    addTags: tags.default([]),
    removeTags: tags.default([]),
  }),
  decide: ({ data }, photo) => {
    const edited = { ...changedFields(photo, data.set), ...changesOfTags(photo, data.addTags, data.removeTags) };
    if (Object.keys(edited).length === 0) return [];
    return [{ type: 'PhotoEdited', data: { photo: data.photo, ...edited } }];
  },
});

type Edited = Omit<PhotoEvents['PhotoEdited'], 'photo'>;

/** Those of the fields that differ from the photo's. */
export function changedFields(photo: Photo, set: Partial<PhotoFields>): Edited {
  const changed = Object.entries(set).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(photo[field as keyof PhotoFields]),
  );
  return Object.fromEntries(changed);
}

/** A tag that is both added and removed is removed. */
export function changesOfTags(photo: Photo, add: readonly string[], remove: readonly string[]): Edited {
  const after = changedTags(photo.tags, add, remove);
  if (after.length > TAGS_MAX) {
    throw photoErrors.error('photo.too-many-tags', `${after.length} tags, of ${TAGS_MAX} at most`);
  }
  const addedTags = after.filter((tag) => !photo.tags.includes(tag));
  const removedTags = photo.tags.filter((tag) => !after.includes(tag));
  return { ...(addedTags.length > 0 && { addedTags }), ...(removedTags.length > 0 && { removedTags }) };
}
