import { text } from 'node:stream/consumers';
import { createCodec } from '#events/encoding.ts';
import type { EventData } from '#events/event.ts';
import { eventId } from '#events/identity.ts';
import { sealFields, subjectOf } from '#events/sealing.ts';
import {
  definitions,
  eventsOf,
  fingerprintsOf,
  knownFingerprints,
  readStory,
  STORY_KEY,
  storyNames,
  type Told,
  writeFingerprints,
  writeStory,
} from './stories.ts';

// node test/conformance/record-story.ts NAME < events.ndjson
//
// Writes a new story from lines of {stream, type, data}, as today's definitions write them, and what it folds to. Without a
// NAME, adds what every story folds to with projections whose version went up. What is there already is never changed.

const STARTED_AT_MS = Date.UTC(2026, 4, 1, 12);
const SECOND_MS = 1000;

type Line = { readonly stream: string; readonly type: string; readonly data: EventData };

function tell(lines: readonly Line[]): Told[] {
  const codec = createCodec(definitions);
  const revisions = new Map<string, number>();
  return lines.map(({ stream, type, data }, index) => {
    const definition = definitions.find((each) => each.type === type);
    if (definition === undefined) throw new Error(`there is no event ${type}`);
    const revision = (revisions.get(stream) ?? -1) + 1;
    revisions.set(stream, revision);
    const checked = definition.schema.parse(data) as EventData;
    const isSealed = subjectOf(definition, checked) !== null;
    const at = STARTED_AT_MS + index * SECOND_MS;
    const bytes = codec.bytes({
      id: eventId(stream, 'story', revision),
      type,
      version: definition.version,
      at,
      actor: 'admin',
      causation: null,
      keyMark: null,
      data: isSealed ? sealFields(definition, checked, STORY_KEY) : checked,
      stream,
      revision,
      partition: 0,
      offset: index + 1,
      recordedAt: at,
    });
    return { type, version: definition.version, stream, bytes: bytes.toString('base64') };
  });
}

const [name] = process.argv.slice(2);
if (name !== undefined) {
  const lines = (await text(process.stdin)).trimEnd().split('\n');
  writeStory(name, tell(lines.map((line) => JSON.parse(line) as Line)));
}
for (const story of storyNames()) {
  const folded = await fingerprintsOf(eventsOf(readStory(story)));
  writeFingerprints(story, { ...folded, ...knownFingerprints(story) });
}
