import { z } from 'zod';
import { name } from '#commands/fields.ts';
import { defineEvent } from '#events/definition.ts';

const refSet = z.strictObject({ ref: name, position: z.string() });
const refDeleted = z.strictObject({ ref: name });

export type RefEvents = {
  readonly RefSet: z.infer<typeof refSet>;
  readonly RefDeleted: z.infer<typeof refDeleted>;
};

export const refEvents = [
  defineEvent({ type: 'RefSet', schema: refSet }),
  defineEvent({ type: 'RefDeleted', schema: refDeleted }),
];
