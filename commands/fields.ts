import { z } from 'zod';
import { NAME } from '#src/config.ts';

/** Fields that the commands of several domains have. */

export const name = z.string().regex(NAME, { error: 'must be 1 to 63 of a-z, 0-9 and -, not beginning with -' });

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be a SHA-256 in lower-case hex' });

/** An id that the server made, or may not have made: what is unknown is refused by deciding, as 404. */
export const givenId = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\x21-\x7e]+$/, { error: 'must be printable ASCII without spaces' });

/** Well-formed Unicode without control characters but tab and line breaks. Bounds count UTF-16 units. */
export function text(max: number, min = 0) {
  return z
    .string()
    .min(min)
    .max(max)
    .refine((value) => value.isWellFormed(), { error: 'must be well-formed Unicode' })
    .refine((value) => !CONTROL.test(value), { error: 'must have no control characters' });
}

/** Characters that have no place in a text for people. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** A position as the server tells it: `1042`. Commands take it from the server, never from a client. */
export const positionText = z.string().min(1).max(1024);

/** RFC 3339 with any offset; made UTC with milliseconds, which is how times stand in events. */
export const time = z.iso
  .datetime({ offset: true, error: 'must be a time as in 2026-05-01T12:00:00Z' })
  .overwrite(utcText)
  .refine((value) => value.length === TIME_CHARACTERS, { error: 'must be in the years 0000 to 9999' });

/** What is no time is left as it is: it is refused already. */
function utcText(value: string): string {
  const timeMs = Date.parse(value);
  return Number.isNaN(timeMs) ? value : new Date(timeMs).toISOString();
}

/** Beyond the years of four digits ECMAScript writes a sign and six. */
const TIME_CHARACTERS = '2026-05-01T12:00:00.000Z'.length;

/** Credits: 1 to 2^53 - 1, so that JSON carries them exactly. */
export const amount = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/** Zero or more of what JSON carries exactly. */
export const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

export const location = z.strictObject({
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
});
