import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createCodec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import type { Fingerprint } from '#history/db.ts';
import { FoldingFixture, MemoryLog } from '#history/folding/folding-fixture.ts';
import { domains } from '#src/domains.ts';

// Events of every type in every version that was ever written, told as small logs that stand alone: NAME.ndjson. What each
// folds to is in NAME.fingerprints.json.

/** An event of a story as it was written: `bytes` is base64, and never changes. */
export type Told = { readonly type: string; readonly version: number; readonly stream: string; readonly bytes: string };

/** By `projection@version`, then by structure. */
export type Fingerprints = { readonly [projection: string]: { readonly [structure: string]: Fingerprint } };

/** Every subject's key: what is personal in a story is nobody's. */
export const STORY_KEY = Buffer.alloc(32, 0x51);

export const definitions = domains.flatMap(({ events }) => events);
const projections = domains.flatMap((domain) => domain.projections);

const folder = fileURLToPath(new URL('stories/', import.meta.url));
const EVENTS = '.ndjson';

export function storyNames(): string[] {
  return readdirSync(folder).flatMap((name) => (name.endsWith(EVENTS) ? [name.slice(0, -EVENTS.length)] : []));
}

export function readStory(name: string): Told[] {
  const lines = readFileSync(eventsPath(name), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Told);
}

export function writeStory(name: string, story: readonly Told[]): void {
  writeFileSync(eventsPath(name), story.map((told) => `${JSON.stringify(told)}\n`).join(''), { flag: 'wx' });
}

/** The story's events as they are read today. */
export function eventsOf(story: readonly Told[]): RecordedEvent[] {
  const view = createCodec(definitions).view();
  return story.map(({ bytes }, at) => {
    const encoded = Buffer.from(bytes, 'base64');
    return view.move(encoded, 0, encoded.length, 0, at + 1).toRecorded();
  });
}

/** What the events fold to today, of the structures that they leave something in. */
export async function fingerprintsOf(events: readonly RecordedEvent[]): Promise<Fingerprints> {
  const log = new MemoryLog();
  log.events.push(...events);
  const folded = new FoldingFixture(
    log,
    projections,
    definitions.map(({ type }) => type),
  );
  try {
    folded.fold();
    const db = folded.db();
    const fingerprints: { [projection: string]: { [structure: string]: Fingerprint } } = {};
    for (const { name, version, structures } of projections) {
      for (const structure of structures) {
        const view = structure.kind === 'collection' ? db.collection(structure.name) : db.raster(structure.name);
        const fingerprint = await view.fingerprint();
        if (fingerprint.count === 0) continue;
        fingerprints[`${name}@${version}`] = { ...fingerprints[`${name}@${version}`], [structure.name]: fingerprint };
      }
    }
    return fingerprints;
  } finally {
    await folded.end();
  }
}

/** What the story folded to, with every version of every projection that there was since. */
export function knownFingerprints(name: string): Fingerprints {
  const path = fingerprintsPath(name);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Fingerprints) : {};
}

export function writeFingerprints(name: string, fingerprints: Fingerprints): void {
  writeFileSync(fingerprintsPath(name), `${JSON.stringify(fingerprints, null, 2)}\n`);
}

function eventsPath(name: string): string {
  return `${folder}${name}${EVENTS}`;
}

function fingerprintsPath(name: string): string {
  return `${folder}${name}.fingerprints.json`;
}
