import { join } from 'node:path';
import { photoId, photoStream } from '#commands/photos/photo-id.ts';
import { createCodec } from '#events/encoding.ts';
import type { EventData, NewEvent } from '#events/event.ts';
import { eventId } from '#events/identity.ts';
import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import type { Write } from '#log/event-log.ts';
import { tileStream } from '../../commands/boards/tiles.ts';
import { domains } from '../../src/domains.ts';

const WRITES_AT_ONCE = 2_000;
const TAGS = 50;
const EDITED = 'a sealed text of this length stands for a caption that a person wrote, as it lies in the log.';

export const BOARD_SIDE = 1000;
const COLOURS = 16;

export function logDir(dir: string): string {
  return join(dir, 'log');
}

export function domainEvents() {
  return domains.flatMap((domain) => domain.events);
}

/** A seeded sequence of numbers below 1 (a linear congruential generator), so that every run folds the same log. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A log of single writes, as commands make them. */
export async function buildLog(dir: string, writes: Iterable<{ stream: string; type: string; data: EventData }>) {
  const codec = createCodec(domainEvents());
  const log = await openEmbeddedLog({ dir: logDir(dir), codec, durability: 'os' });
  let batch: Write[] = [];
  let count = 0;
  for (const { stream, type, data } of writes) {
    batch.push({ stream, expected: 'any', events: [newEvent(stream, type, data, count++)] });
    if (batch.length < WRITES_AT_ONCE) continue;
    await log.append(batch);
    batch = [];
  }
  await log.append(batch);
  await log.close();
  return count;
}

export function* pixels(count: number) {
  const random = seeded(1);
  const palette = Array.from({ length: COLOURS }, (_, at) => `#0000${(16 * at).toString(16).padStart(2, '0')}`);
  const data = { board: 'bench', width: BOARD_SIDE, height: BOARD_SIDE, palette, cooldownSeconds: 0 };
  yield { stream: 'board-bench', type: 'BoardCreated', data };
  for (let at = 0; at < count; at++) {
    const x = Math.floor(random() * BOARD_SIDE);
    const y = Math.floor(random() * BOARD_SIDE);
    const color = Math.floor(random() * COLOURS);
    yield { stream: tileStream('bench', x, y), type: 'PixelPlaced', data: { board: 'bench', x, y, color } };
  }
}

/** `count` photos, then as many edits of random ones: texts always, a tag in every second, the time in every tenth. */
export function* photos(count: number) {
  const random = seeded(2);
  const ids = Array.from({ length: count }, (_, at) => photoId('default', String(at)));
  for (const [at, photo] of ids.entries())
    yield { stream: photoStream(photo), type: 'PhotoAdded', data: added(photo, at) };
  for (let at = 0; at < count; at++) {
    const photo = ids[Math.floor(random() * count)]!;
    const sealed = { sealed: Buffer.from(EDITED + at).toString('base64'), subject: photo };
    const data = {
      photo,
      caption: sealed,
      title: { ...sealed, sealed: sealed.sealed.slice(0, 40) },
      rating: Math.floor(random() * 6),
      ...(at % 2 === 0 ? { addedTags: [`tag-${Math.floor(random() * TAGS)}`] } : {}),
      ...(at % 10 === 0 ? { takenAt: new Date(Math.floor(random() * 1.7e12)).toISOString() } : {}),
    };
    yield { stream: photoStream(photo), type: 'PhotoEdited', data };
  }
}

function added(photo: string, at: number): EventData {
  return {
    photo,
    library: 'default',
    sha256: photo + photo,
    bytes: 1_000_000 + at,
    mediaType: 'image/jpeg',
    width: 4000,
    height: 3000,
    takenAt: new Date(1.2e12 + at * 1000).toISOString(),
    location: null,
    exif: { sealed: Buffer.from(`${EDITED}${at}`).toString('base64'), subject: photo },
    fileName: { sealed: Buffer.from(`${at}.jpg and its seal`).toString('base64'), subject: photo },
  };
}

function newEvent(stream: string, type: string, data: EventData, at: number): NewEvent {
  const id = eventId(stream, String(at), 0);
  return { id, type, version: 1, at: 1.7e12 + at, actor: 'account:bench', causation: null, keyMark: null, data };
}
