import { photoId, photoStream } from '#commands/photos/photo-id.ts';
import type { EventData } from '#events/event.ts';
import { tagValue } from '#projections/photos/projection.ts';
import { seeded } from '../replay/build-log.ts';

/** What a library of photos is made of, so that all sides of a comparison hold the same. */
export type Library = {
  readonly photos: number;
  readonly edits: number;
  /** Roughly, of a photo's document. */
  readonly documentBytes: number;
  /** Every photo has one of so many tags once it was edited. */
  readonly tags: number;
};

export type Write = { readonly stream: string; readonly type: string; readonly data: EventData };

const LIBRARY = 'default';
/** What a document without EXIF takes. */
const BARE_BYTES = 560;
const EXIF_FIELD_BYTES = 30;
const CAPTION = 'a caption of this length, which a person wrote about what is to be seen here.';

export function photoAt(at: number): string {
  return photoId(LIBRARY, String(at));
}

/** As the index of tags has it. */
export function tagAt(at: number): string {
  return tagValue(LIBRARY, tagName(at));
}

/** All photos of the library, then its edits. What is personal lies open, so that keys have no part in it. */
export function* libraryEvents(library: Library): Iterable<Write> {
  const random = seeded(4);
  const exif = Math.max(0, Math.round((library.documentBytes - BARE_BYTES) / EXIF_FIELD_BYTES));
  for (let at = 0; at < library.photos; at++) yield added(at, exif, random);
  yield* edits(library, library.edits, random);
}

/** An edit each of `count` photos that are all different. */
export function* distinctEdits({ photos, tags }: Library, count: number): Iterable<Write> {
  const random = seeded(5);
  // Coprime to any number of photos that is a power of ten, so that the steps meet each once, far from each other.
  const step = Math.floor(photos * 0.618) | 1;
  for (let at = 0; at < count; at++) {
    const photo = photoAt((at * step) % photos);
    yield edited({ photo, caption: `${CAPTION} ${random()}`, rating: Math.floor(random() * tags) % 6 });
  }
}

/** Every second edit moves a photo from one tag to another; all change its caption and rating. */
function* edits({ photos, tags }: Library, count: number, random: () => number): Iterable<Write> {
  const tagOf = new Int32Array(photos).fill(-1);
  for (let edit = 0; edit < count; edit++) {
    const at = Math.floor(random() * photos);
    const caption = `${CAPTION} ${edit}`;
    const rating = edit % 6;
    if (edit % 2 === 1 && tagOf[at] !== -1) {
      yield edited({ photo: photoAt(at), caption, rating });
      continue;
    }
    const [before, after] = [tagOf[at]!, Math.floor(random() * tags)];
    tagOf[at] = after;
    yield edited({
      photo: photoAt(at),
      caption,
      rating,
      ...(before !== after && before !== -1 ? { removedTags: [tagName(before)] } : {}),
      ...(before === after ? {} : { addedTags: [tagName(after)] }),
    });
  }
}

function edited(data: EventData & { readonly photo: string }): Write {
  return { stream: photoStream(data.photo), type: 'PhotoEdited', data };
}

function added(at: number, exifFields: number, random: () => number): Write {
  const photo = photoAt(at);
  const exif = Object.fromEntries(
    Array.from({ length: exifFields }, (_, field) => [`Field${field}`, Math.floor(random() * 1e12).toString(36)]),
  );
  const data = {
    photo,
    library: LIBRARY,
    sha256: photo + photo,
    bytes: 1_000_000 + at,
    mediaType: 'image/jpeg',
    width: 4000,
    height: 3000,
    takenAt: new Date(1.2e12 + at * 1000).toISOString(),
    location: null,
    exif,
    fileName: `${at}.jpg`,
  };
  return { stream: photoStream(photo), type: 'PhotoAdded', data };
}

function tagName(at: number): string {
  return `tag-${at}`;
}
