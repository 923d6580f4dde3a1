import { z } from 'zod';
import { defineEvent } from '#events/definition.ts';

export const projectionPromoted = z.strictObject({
  projection: z.string().regex(/^[a-z][a-z-]{0,62}$/, { error: 'must be the name of a projection' }),
  version: z.int().min(1),
  generation: z.int().min(2).describe('which copy of this version: the first is 1, and needs no promotion'),
});

export type SystemEvents = { readonly ProjectionPromoted: z.infer<typeof projectionPromoted> };

export const systemEvents = [defineEvent({ type: 'ProjectionPromoted', schema: projectionPromoted })];
