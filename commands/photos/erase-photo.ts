import { z } from 'zod';
import { givenId } from '#commands/fields.ts';
import { photoCommand } from './photo-command.ts';

/** Removes a photo for good: the key of its personal fields, its versions, and the original with its last reference. */
export const erasePhoto = photoCommand({
  type: 'ErasePhoto',
  schema: z.strictObject({ photo: givenId }),
  takesSystem: true,
  decide: ({ data: { photo } }, { library, sha256 }) => [{ type: 'PhotoErased', data: { photo, library, sha256 } }],
});
