import { z } from 'zod';
import { count, location, name, sha256, text, time } from '#commands/fields.ts';
import { defineEvent } from '#events/definition.ts';
import { exif } from './exif.ts';

export const title = text(300);
export const caption = text(2000);
export const fileName = text(255, 1);
export const rating = z.int().min(0).max(5);

/** Composed (NFC), so that a tag written in two ways is one. */
export const tag = text(64, 1)
  .overwrite((value) => value.normalize('NFC'))
  .refine((value) => value.trim() === value, { error: 'must not begin or end with a space' });

const side = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
export const imageFields = z.strictObject({
  library: name,
  sha256,
  bytes: count,
  mediaType: z.string().regex(/^image\/[a-z0-9.+-]{1,40}$/),
  width: side,
  height: side,
  takenAt: time.nullable(),
  location: location.nullable(),
  exif: exif.nullable(),
  fileName: fileName.nullable(),
});

const photo = z.string();
const photoAdded = imageFields.extend({ photo });
// Only what changed stands in the event; `null` is a field that was cleared.
const photoEdited = z.strictObject({
  photo,
  title: z.exactOptional(title.nullable()),
  caption: z.exactOptional(caption.nullable()),
  rating: z.exactOptional(rating.nullable()),
  takenAt: z.exactOptional(time.nullable()),
  location: z.exactOptional(location.nullable()),
  addedTags: z.exactOptional(z.array(tag)),
  removedTags: z.exactOptional(z.array(tag)),
});
// What differed from the state at the position `to`, as an edit says it.
const photoReverted = photoEdited.extend({ to: z.string(), trashed: z.exactOptional(z.boolean()) });
const photoMoved = z.strictObject({ photo });
// Says what the photo no longer does: whose it was, and which blob may have lost its last reference.
const photoErased = z.strictObject({ photo, library: name, sha256 });

export type PhotoEvents = {
  readonly PhotoAdded: z.infer<typeof photoAdded>;
  readonly PhotoEdited: z.infer<typeof photoEdited>;
  readonly PhotoReverted: z.infer<typeof photoReverted>;
  readonly PhotoTrashed: z.infer<typeof photoMoved>;
  readonly PhotoRestored: z.infer<typeof photoMoved>;
  readonly PhotoErased: z.infer<typeof photoErased>;
};

const subject = (data: { readonly photo?: unknown }) => String(data.photo);
const sealedFor = { subject };

export const photoEvents = [
  defineEvent({
    type: 'PhotoAdded',
    schema: photoAdded,
    personal: ['location', 'exif', 'fileName'],
    ...sealedFor,
  }),
  defineEvent({
    type: 'PhotoEdited',
    schema: photoEdited,
    personal: ['title', 'caption', 'location'],
    ...sealedFor,
  }),
  defineEvent({
    type: 'PhotoReverted',
    schema: photoReverted,
    personal: ['title', 'caption', 'location'],
    ...sealedFor,
  }),
  defineEvent({ type: 'PhotoTrashed', schema: photoMoved }),
  defineEvent({ type: 'PhotoRestored', schema: photoMoved }),
  defineEvent({ type: 'PhotoErased', schema: photoErased, erases: subject }),
];
