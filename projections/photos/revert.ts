import { z } from 'zod';
import type { RevertRoute } from '#handling/routes.ts';
import { versionToRestore } from '#projections/item-revert.ts';
import { photoItems } from './items.ts';
import type { PhotoDocument } from './photo.ts';

export const photoReverts: readonly RevertRoute[] = [
  {
    path: '/v1/photos/{photo}/revert',
    command: 'RevertPhoto',
    summary:
      'Bring back what was told of a photo: title, caption, rating, time, location, tags, and whether it is in the trash',
    body: z.strictObject({}),
    read: (context) => {
      const version = versionToRestore(photoItems, context.params.photo!, context);
      // This projection folded it; personal fields are open.
      const then = context.open(version.bytes) as PhotoDocument;
      const { photo, title, caption, rating, takenAt, location, tags, trashed } = then;
      return { photo, to: context.to, fields: { title, caption, rating, takenAt, location }, tags, trashed };
    },
  },
];
