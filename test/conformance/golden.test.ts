import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Codec, createCodec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import { domains } from '#src/domains.ts';

/** An event and the bytes that it must always have: these files are never changed, only added to. */
type Golden = { readonly about: string; readonly event: RecordedEvent; readonly bytes: readonly string[] };

const folder = fileURLToPath(new URL('golden/', import.meta.url));
const reference = fileURLToPath(new URL('../../docs/reference/event-format.md', import.meta.url));

/** The codec of the version that wrote the event: what becomes of it since is for `every-version.test.ts`. */
function codecOf({ type, version }: RecordedEvent): Codec {
  const definitions = domains.flatMap(({ events }) => events);
  return createCodec(
    definitions.map((definition) => (definition.type === type ? { ...definition, version } : definition)),
  );
}

function golden(name: string): Golden {
  return JSON.parse(readFileSync(`${folder}${name}`, 'utf8')) as Golden;
}

describe.each(readdirSync(folder))('the golden event %s', (name) => {
  const { event, bytes: lines } = golden(name);
  const bytes = Buffer.from(lines.join(''), 'hex');
  const codec = codecOf(event);

  test('is written as these bytes', () => {
    expect(codec.bytes(event).toString('hex')).toBe(bytes.toString('hex'));
  });

  test('is read from these bytes', () => {
    // Among others, so that nothing is read from outside of it.
    const among = Buffer.concat([Buffer.alloc(3, 0xee), bytes, Buffer.alloc(3, 0xee)]);
    const view = codec.view().move(among, 3, 3 + bytes.length, event.partition, event.offset);
    expect(view.toRecorded()).toEqual(event);
    expect(view.bytes).toEqual(bytes);
  });
});

test('the reference page takes the golden pixel apart byte by byte', () => {
  const rows = [...readFileSync(reference, 'utf8').matchAll(/^\| (\d+) \| (\d+) \| `([0-9a-f ]+)` \|/gm)];
  let next = 0;
  for (const [, at, length, hex] of rows) {
    expect(Number(at)).toBe(next);
    expect(hex!.replaceAll(' ', '')).toHaveLength(2 * Number(length));
    next += Number(length);
  }
  const written = rows.map(([, , , hex]) => hex!.replaceAll(' ', '')).join('');
  expect(written).toBe(golden('pixel-placed.json').bytes.join(''));
});
