import { z } from 'zod';
import { givenId } from '#commands/fields.ts';
import { photoCommand } from './photo-command.ts';

const schema = z.strictObject({ photo: givenId });

/** Hides a photo from lists; it can be restored. */
export const trashPhoto = photoCommand({
  type: 'TrashPhoto',
  schema,
  decide: ({ data }, { trashed }) => (trashed ? [] : [{ type: 'PhotoTrashed', data }]),
});

export const restorePhoto = photoCommand({
  type: 'RestorePhoto',
  schema,
  decide: ({ data }, { trashed }) => (trashed ? [{ type: 'PhotoRestored', data }] : []),
});
