import { z } from 'zod';
import type { Json } from '#events/event.ts';

/** As JSON, so that the event stays small. */
const EXIF_BYTES_MAX = 8192;

/** What people look for first, when not all fits. */
const BEST_KNOWN = [
  'Make',
  'Model',
  'LensModel',
  'DateTimeOriginal',
  'OffsetTimeOriginal',
  'ExposureTime',
  'FNumber',
  'ISOSpeedRatings',
  'PhotographicSensitivity',
  'FocalLength',
  'FocalLengthIn35mmFilm',
  'ExposureBiasValue',
  'ExposureProgram',
  'MeteringMode',
  'Flash',
  'WhiteBalance',
  'Orientation',
  'Software',
  'Artist',
  'Copyright',
  'ImageDescription',
];

type Exif = { readonly [tag: string]: Json };

/** What reaches a schema came as JSON. */
const value = z.custom<Json>((given) => given !== undefined);

/** Tag names to values, as the inspection of the image found them. */
export const exif = z
  .record(z.string().min(1).max(200), value)
  .refine((tags) => sizeBytes(tags) <= EXIF_BYTES_MAX, { error: `must be at most ${EXIF_BYTES_MAX} bytes of JSON` });

/** As many tags as fit, the best-known first, the rest in the order of their names; `null` for none. */
export function bounded(tags: Exif | null): Exif | null {
  if (tags === null || sizeBytes(tags) <= EXIF_BYTES_MAX) return tags;
  const rest = Object.keys(tags)
    .filter((name) => !BEST_KNOWN.includes(name))
    .sort();
  const kept: { [tag: string]: Json } = {};
  let left = EXIF_BYTES_MAX - sizeBytes({});
  for (const name of [...BEST_KNOWN.filter((known) => Object.hasOwn(tags, known)), ...rest]) {
    const value = tags[name]!;
    const size = sizeBytes({ [name]: value }) - sizeBytes({}) + 1;
    if (size > left) continue;
    left -= size;
    kept[name] = value;
  }
  return kept;
}

function sizeBytes(tags: Exif): number {
  return Buffer.byteLength(JSON.stringify(tags));
}
