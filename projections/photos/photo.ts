import type { Json } from '#events/event.ts';

/** The collection of photos, by id. */
export const PHOTOS = 'photos';

/** What is personal is sealed until it is read. */
export type PhotoDocument = {
  readonly addedAt: string;
  readonly bytes: number;
  readonly caption: Json;
  readonly exif: Json;
  readonly fileName: Json;
  readonly height: number;
  readonly library: string;
  readonly location: Json;
  readonly mediaType: string;
  readonly photo: string;
  readonly rating: number | null;
  readonly sha256: string;
  /** Sorted. */
  readonly tags: readonly string[];
  readonly takenAt: string | null;
  readonly title: Json;
  readonly trashed: boolean;
  readonly width: number;
};

/** Digits and letters, which sort as they count; ten hold more than ten thousand years of milliseconds. */
const RADIX = 36;
const TIME_DIGITS = 10;
const EARLIEST_MS = Date.parse('0000-01-01T00:00:00.000Z');
/** Stands below every digit, as `~` stands above: photos whose time is not known come first. */
const UNKNOWN = '!';

/** Where a photo stands in a list: when it was taken, then when it was added. Fewer bytes than two times as text. */
export function takenOrder(takenAt: string | null, addedAt: string): string {
  return (takenAt === null ? UNKNOWN : digits(takenAt)) + digits(addedAt);
}

/** A bound between the photos taken at or before a time and those after it. */
export function afterTaken(time: string): string {
  return `${digits(time)}~`;
}

/** A bound between the photos taken before a time and those at or after it. */
export function beforeTaken(time: string): string {
  return digits(time);
}

/** A bound between the photos whose time is not known and those of the earliest time. */
export const AFTER_UNKNOWN = `${UNKNOWN}~`;

function digits(time: string): string {
  return (Date.parse(time) - EARLIEST_MS).toString(RADIX).padStart(TIME_DIGITS, '0');
}
