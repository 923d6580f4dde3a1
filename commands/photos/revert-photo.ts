import { z } from 'zod';
import { givenId, location, positionText, time } from '#commands/fields.ts';
import { changedFields, changesOfTags, TAGS_MAX } from './edit-photo.ts';
import { caption, rating, tag, title } from './events.ts';
import { photoCommand } from './photo-command.ts';

/** Brings back what was told of a photo at a position: one event of what differs, which says where it was taken from. */
export const revertPhoto = photoCommand({
  type: 'RevertPhoto',
  revertOnly: true,
  schema: z.strictObject({
    photo: givenId,
    to: positionText,
    fields: z.strictObject({
      title: title.nullable(),
      caption: caption.nullable(),
      rating: rating.nullable(),
      takenAt: time.nullable(),
      location: location.nullable(),
    }),
    tags: z.array(tag).max(TAGS_MAX),
    trashed: z.boolean(),
  }),
  decide: ({ data: { photo, to, fields, tags, trashed } }, now) => {
    const removed = now.tags.filter((tag) => !tags.includes(tag));
    const reverted = {
      ...changedFields(now, fields),
      ...changesOfTags(now, tags, removed),
      ...(trashed !== now.trashed && { trashed }),
    };
    return Object.keys(reverted).length === 0 ? [] : [{ type: 'PhotoReverted', data: { photo, to, ...reverted } }];
  },
});
