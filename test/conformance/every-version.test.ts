import { describe, expect, test } from 'vitest';
import { AT_VERSION } from '#events/event-layout.ts';
import { openFields } from '#events/sealing.ts';
import {
  definitions,
  eventsOf,
  fingerprintsOf,
  knownFingerprints,
  readStory,
  STORY_KEY,
  storyNames,
} from './stories.ts';

const stories = storyNames();

test('every version of every event stands in a story', () => {
  const told = new Set(stories.flatMap(readStory).map(({ type, version }) => `${type} ${version}`));
  const written = definitions.flatMap(({ type, version }) =>
    Array.from({ length: version }, (_, before) => `${type} ${before + 1}`),
  );
  expect(written.filter((name) => !told.has(name))).toEqual([]);
});

describe.each(stories)('the story %s', (name) => {
  const story = readStory(name);
  const events = eventsOf(story);

  test('is read as the schemas of today have it', () => {
    for (const [at, { type, version, stream, data }] of events.entries()) {
      const definition = definitions.find((each) => each.type === type)!;
      expect([type, stream, version]).toEqual([story[at]!.type, story[at]!.stream, definition.version]);
      expect(Buffer.from(story[at]!.bytes, 'base64').readUInt16LE(AT_VERSION)).toBe(story[at]!.version);
      expect(definition.schema.safeParse(openFields(data, () => STORY_KEY)).error).toBeUndefined();
    }
  });

  test('folds to what it folded to when it was told', async () => {
    expect(knownFingerprints(name)).toMatchObject(await fingerprintsOf(events));
  });
});
