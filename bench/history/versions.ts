import { createHash } from 'node:crypto';
import type { EventData } from '#events/event.ts';
import { type Library, libraryEvents } from './library.ts';

/** A version of a photo, as a temporal table holds it: it held from one event on, up to another that is excluded. */
export type TemporalVersion = {
  /** Which photo, from 0. */
  readonly at: number;
  readonly validFrom: number;
  readonly validTo: number;
  readonly tag: string | null;
  readonly taken: string;
  /** JSON. */
  readonly document: string;
};

/** The end of what holds still. */
export const STILL = 2 ** 52;

/** 32 digits, which SQL can make as well. */
export function keyAt(at: number): string {
  return createHash('md5').update(String(at)).digest('hex');
}

/** The versions that the library's events make, in their order; events are counted from 1. */
export function* libraryVersions(library: Library): Iterable<TemporalVersion> {
  const ends = endsOf(library);
  const documents: EventData[] = [];
  const ats = new Map<string, number>();
  let event = 0;
  for (const { type, data } of libraryEvents(library)) {
    event += 1;
    const photo = data.photo as string;
    let at = ats.get(photo);
    if (at === undefined) {
      at = ats.size;
      ats.set(photo, at);
    }
    const before = documents[at];
    const document = type === 'PhotoAdded' ? { ...data, photo: keyAt(at), tags: [] } : edited(before!, data);
    documents[at] = document;
    const [tag = null] = document.tags as string[];
    const taken = document.takenAt as string;
    yield { at, validFrom: event, validTo: ends[event]!, tag, taken, document: JSON.stringify(document) };
  }
}

function edited(before: EventData, { caption, rating, addedTags, removedTags = [] }: EventData): EventData {
  const kept = (before.tags as string[]).filter((tag) => !(removedTags as string[]).includes(tag));
  return { ...before, caption: caption!, rating: rating!, tags: [...kept, ...((addedTags as string[]) ?? [])] };
}

/** By event, the next one of the same photo. */
function endsOf(library: Library): Float64Array {
  const ends = new Float64Array(library.photos + library.edits + 1).fill(STILL);
  const last = new Map<string, number>();
  let event = 0;
  for (const { stream } of libraryEvents(library)) {
    event += 1;
    const before = last.get(stream);
    if (before !== undefined) ends[before] = event;
    last.set(stream, event);
  }
  return ends;
}
