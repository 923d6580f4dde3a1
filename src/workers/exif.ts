import ExifReader from 'exifreader';
import type { Json } from '#events/event.ts';
import type { InspectedImage } from '#handling/routes.ts';

export type Exif = Pick<InspectedImage, 'takenAt' | 'location' | 'exif'>;

export const NO_EXIF: Exif = { takenAt: null, location: null, exif: null };

/** As JSON; what comes after is left out. */
const TAGS_BYTES_MAX = 64 * 1024;
const TEXT_CHARACTERS_MAX = 512;
/** Pointers and binary blocks: nothing for people to read. */
const LEFT_OUT = /Pointer|MakerNote|Thumbnail|JPEGInterchangeFormat|PrintImageMatching|Padding|^undefined-/i;
const PREAMBLE = Buffer.from('Exif\0\0');
const DATE = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)/;
const OFFSET = /^([+-])(\d\d):(\d\d)/;

/** Reads EXIF from a TIFF structure, with or without its preamble. What is damaged counts as absent. */
export function readExif(bytes: Buffer): Exif {
  const tiff = bytes.subarray(0, PREAMBLE.length).equals(PREAMBLE) ? bytes.subarray(PREAMBLE.length) : bytes;
  let read: ExifReader.ExpandedTags;
  try {
    read = ExifReader.load(tiff, { expanded: true });
  } catch {
    // Damaged metadata is no reason to refuse a picture.
    return NO_EXIF;
  }
  const described = Object.entries(read.exif ?? {}).map(([name, tag]) => [name, tag?.description] as const);
  return {
    takenAt: takenAt(new Map(described)),
    location: location(read.gps),
    exif: tagsToRead(described),
  };
}

/** DateTimeOriginal at its offset, or in UTC where the camera recorded none (Exif 2.31, 4.6.5). */
function takenAt(tags: ReadonlyMap<string, unknown>): number | null {
  const date = DATE.exec(String(tags.get('DateTimeOriginal') ?? ''));
  if (date === null) return null;
  const [year, month, day, hour, minute, second] = date.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // A day or an hour that does not exist would roll over into one that does.
  const exists = time.getUTCMonth() === month - 1 && time.getUTCDate() === day && time.getUTCHours() === hour;
  if (!exists || minute > 59 || second > 59 || year < 1800) return null;

  const offset = OFFSET.exec(String(tags.get('OffsetTimeOriginal') ?? ''));
  const offsetMinutes =
    offset === null ? 0 : (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3]));
  const fraction = /^\d{1,9}/.exec(String(tags.get('SubSecTimeOriginal') ?? ''))?.[0] ?? '0';
  return time.getTime() - offsetMinutes * 60_000 + Math.floor(Number(`0.${fraction}`) * 1000);
}

function location(gps: ExifReader.GpsTags | undefined): Exif['location'] {
  const { Latitude: latitude, Longitude: longitude } = gps ?? {};
  if (latitude === undefined || longitude === undefined) return null;
  const onEarth = Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
  return onEarth ? { latitude, longitude } : null;
}

function tagsToRead(described: readonly (readonly [string, unknown])[]): Exif['exif'] {
  const tags: [string, Json][] = [];
  let bytes = 2;
  for (const [name, description] of [...described].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const value = readable(description);
    if (value === null || LEFT_OUT.test(name)) continue;
    const size = Buffer.byteLength(`${JSON.stringify(name)}:${JSON.stringify(value)},`);
    if (bytes + size > TAGS_BYTES_MAX) continue;
    bytes += size;
    tags.push([name, value]);
  }
  return tags.length === 0 ? null : Object.fromEntries(tags);
}

function readable(description: unknown): string | number | null {
  if (typeof description === 'number') return Number.isFinite(description) ? description : null;
  if (typeof description !== 'string') return null;
  // Cameras pad with NULs and spaces.
  const text = description.toWellFormed().replaceAll('\0', '').trim();
  return text === '' || text.length > TEXT_CHARACTERS_MAX ? null : text;
}
