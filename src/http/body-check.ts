import type { z } from 'zod';
import type { Json } from '#events/event.ts';
import { errors } from '../errors.ts';

/**
 * The body as a strict schema makes it.
 * @throws request.invalid with every mistake.
 */
export function checkBody<Schema extends z.ZodType>(schema: Schema, body: Json | undefined): z.infer<Schema> {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  const first = mistakes[0];
  throw errors.error('request.invalid', `the body: ${`${first?.path} ${first?.message}`.trim()}`, { errors: mistakes });
}
