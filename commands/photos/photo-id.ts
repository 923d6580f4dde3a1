import { hash } from 'node:crypto';

const PREFIX = 'photo-';
const ID_DIGITS = 32;

/** A photo is its content in one library: the same bytes again are the same photo. No library's name has a line break. */
export function photoId(library: string, sha256: string): string {
  return hash('sha256', `${library}\n${sha256}`, 'hex').slice(0, ID_DIGITS);
}

export function isPhotoId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

export function photoStream(photo: string): string {
  return PREFIX + photo;
}

export function photoOf(stream: string): string {
  return stream.slice(PREFIX.length);
}
