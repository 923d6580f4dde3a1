import type { z } from 'zod';
import { errors } from '../errors.ts';

/**
 * The query string's values as a strict schema makes them.
 * @throws request.invalid with every mistake.
 */
export function checkQuery<Schema extends z.ZodType>(
  schema: Schema,
  given: { readonly [name: string]: string },
): z.infer<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((name) => ({ path: name, message: 'is not a parameter of this address' }))
      : [{ path: issue.path.join('.'), message: issue.message }],
  );
  const first = mistakes[0];
  throw errors.error('request.invalid', `the query: ${first?.path} ${first?.message}`, { errors: mistakes });
}
