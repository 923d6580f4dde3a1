import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineEvent } from './definition.ts';
import { createCodec } from './encoding.ts';
import type { EventData, RecordedEvent } from './event.ts';
import { GrowingBuffer } from './growing-buffer.ts';

const noteTaken = defineEvent({ type: 'NoteTaken', schema: z.unknown() });
const dotSet = defineEvent({
  type: 'DotSet',
  version: 2,
  schema: z.unknown(),
  upcasts: { 1: (data) => data },
  packing: {
    pack: ({ at }) => (Number(at) < 256 ? Uint8Array.of(Number(at)) : null),
    unpack: (bytes) => ({ at: bytes[0]! }),
  },
});
const codec = createCodec([noteTaken, dotSet]);

const event: RecordedEvent = {
  id: '00112233445566778899aabbccddeeff',
  type: 'NoteTaken',
  version: 1,
  at: 5,
  actor: 'admin',
  causation: null,
  keyMark: null,
  data: { text: 'hello' },
  stream: 'notes',
  revision: 0,
  partition: 0,
  offset: 1,
  recordedAt: 6,
};

function viewOf(bytes: Buffer, reader = codec) {
  return reader.view().move(bytes, 0, bytes.length, 0, 1);
}

const hex = fc.stringMatching(/^[0-9a-f]{32}$/);
const name = (bytesMax: number) =>
  fc.string({ unit: 'binary', minLength: 1 }).filter((text) => Buffer.byteLength(text) <= bytesMax);
const number = fc.integer({ min: 0, max: 2 ** 48 - 1 });

test('any event is read as it was written', () => {
  const events = fc.record({
    id: hex,
    type: fc.constant('NoteTaken'),
    version: fc.constant(1),
    at: number,
    actor: name(127),
    causation: fc.option(hex),
    keyMark: fc.option(fc.record({ key: hex, body: hex })),
    data: fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<EventData>,
    stream: name(255),
    revision: number,
    partition: fc.constant(0),
    offset: fc.constant(1),
    recordedAt: number,
  });
  fc.assert(
    fc.property(events, (written) => {
      const plain = JSON.parse(JSON.stringify(written)) as RecordedEvent;
      expect(viewOf(codec.bytes(written)).toRecorded()).toEqual(plain);
    }),
  );
});

test('what is packed is read as it was packed; what does not fit is JSON', () => {
  const packed = codec.bytes({ ...event, type: 'DotSet', version: 2, data: { at: 7 } });
  expect(viewOf(packed).data).toEqual({ at: 7 });
  expect(packed.at(-1)).toBe(7);
  const wide = codec.bytes({ ...event, type: 'DotSet', version: 2, data: { at: 300 } });
  expect(viewOf(wide).data).toEqual({ at: 300 });
  expect(wide.toString()).toContain('{"at":300}');
});

test('an event of an earlier schema version is not packed by the later one', () => {
  expect(codec.bytes({ ...event, type: 'DotSet', version: 1, data: { at: 7 } }).toString()).toContain('{"at":7}');
});

test('a moved view answers nothing of the event before', () => {
  const first = codec.bytes({ ...event, type: 'DotSet', version: 2, data: { at: 1 }, stream: 'a' });
  const second = codec.bytes({ ...event, data: { text: 'x' }, stream: 'b', actor: 'system' });
  const view = viewOf(first);
  expect([view.type, view.stream, view.data]).toEqual(['DotSet', 'a', { at: 1 }]);
  view.move(second, 0, second.length, 0, 2);
  expect(view.toRecorded()).toMatchObject({ type: 'NoteTaken', stream: 'b', actor: 'system', data: { text: 'x' } });
});

describe('what this version does not know is refused by name', () => {
  const bytes = codec.bytes(event);
  const changed = (at: number, value: number) => {
    const copy = Buffer.from(bytes);
    copy[at] = value;
    return copy;
  };

  test('another format version', () => {
    expect(() => viewOf(changed(0, 2))).toThrow(expect.objectContaining({ code: 'log.unknown-format' }));
  });

  test('flags of a later version', () => {
    expect(() => viewOf(changed(1, 0b1000))).toThrow(expect.objectContaining({ code: 'log.unknown-format' }));
  });

  test('packed data of a type without a definition, once it is asked for', () => {
    const packed = codec.bytes({ ...event, type: 'DotSet', version: 2, data: { at: 7 } });
    const view = viewOf(packed, createCodec([noteTaken]));
    expect(view.type).toBe('DotSet');
    expect(() => view.data).toThrow(expect.objectContaining({ code: 'log.unknown-format' }));
  });
});

test.each<[string, Partial<RecordedEvent>]>([
  ['an id that is too short', { id: '00' }],
  ['an id in capitals', { id: 'A'.repeat(32) }],
  ['a type that no definition declares', { type: 'NoteLost' }],
  ['a stream without a name', { stream: '' }],
  ['a stream of 256 bytes', { stream: 'ä'.repeat(128) }],
  ['an actor of 128 bytes', { actor: 'x'.repeat(128) }],
  ['a stream with a lone surrogate', { stream: 'a\ud800' }],
  ['version 0', { version: 0 }],
  ['a time before 1970', { at: -1 }],
  ['a time with a fraction', { at: 1.5 }],
  ['data that is not JSON', { data: { a: Number.NaN } }],
])('%s is not written, and leaves nothing behind', (_, wrong) => {
  const { stream, revision, recordedAt, ...rest } = { ...event, ...wrong };
  const target = new GrowingBuffer(16);
  target.length = 4;
  expect(() => codec.encode(rest, stream, revision, recordedAt, target)).toThrow();
  expect(target.length).toBe(4);
});
