import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineEvent, type EventDefinition, type Packing } from './definition.ts';
import { createCodec } from './encoding.ts';
import type { EventData, RecordedEvent } from './event.ts';
import { seal } from './sealing.ts';

// A thermometer, over the years: packed tenths of a degree, then a name for its field, then a unit.
const tenths: Packing = {
  pack: ({ t }) => (Number(t) < 25 ? Uint8Array.of(Number(t) * 10) : null),
  unpack: (bytes) => ({ t: bytes[0]! / 10 }),
};
const first = defineEvent({
  type: 'HeatMeasured',
  schema: z.unknown(),
  packing: tenths,
});
const second = defineEvent({
  type: 'HeatMeasured',
  version: 2,
  schema: z.unknown(),
  upcasts: { 1: ({ t, ...rest }) => ({ ...rest, degrees: t! }) },
  packings: { 1: tenths },
});
const third = defineEvent({
  ...second,
  version: 3,
  upcasts: { ...second.upcasts, 2: (data) => ({ ...data, unit: 'celsius' }) },
});

function eventOf(version: number, data: EventData): RecordedEvent {
  return {
    id: '00112233445566778899aabbccddeeff',
    type: 'HeatMeasured',
    version,
    at: 5,
    actor: 'admin',
    causation: null,
    keyMark: null,
    data,
    stream: 'cellar',
    revision: 0,
    partition: 0,
    offset: 7,
    recordedAt: 6,
  };
}

function written(definition: EventDefinition, data: EventData): Buffer {
  return createCodec([definition]).bytes(eventOf(definition.version, data));
}

function read(bytes: Buffer, ...definitions: readonly EventDefinition[]) {
  return createCodec(definitions).view().move(bytes, 0, bytes.length, 0, 7);
}

test('an event of an earlier version is read as one of the latest, step by step', () => {
  const latest = { version: 3, data: { degrees: 30, unit: 'celsius' } };
  expect(read(written(first, { t: 30 }), third).toRecorded()).toMatchObject(latest);
  expect(read(written(second, { degrees: 30 }), third).toRecorded()).toMatchObject(latest);
  expect(read(written(third, latest.data), third).toRecorded()).toMatchObject(latest);
});

test('packed data of an earlier version is unpacked as it was then', () => {
  const packed = written(first, { t: 12.5 });
  expect(packed.at(-1)).toBe(125);
  expect(read(packed, third).data).toEqual({ degrees: 12.5, unit: 'celsius' });
});

test('the bytes stay as they were written', () => {
  const bytes = written(first, { t: 12.5 });
  const view = read(bytes, third);
  expect(view.data).toBeDefined();
  expect(view.bytes).toEqual(bytes);
});

test('what an earlier version wrote is written again as it was', () => {
  for (const data of [{ t: 12.5 }, { t: 30 }]) {
    const bytes = written(first, data);
    const event = read(bytes, third).toWritten();
    expect(event).toEqual(eventOf(1, data));
    expect(createCodec([third]).bytes(event)).toEqual(bytes);
  }
});

test('what is sealed is moved, not opened', () => {
  const sealed = seal('the cellar', 'house', Buffer.alloc(32, 1));
  expect(read(written(first, { t: 30, place: sealed }), third).data).toEqual({
    degrees: 30,
    unit: 'celsius',
    place: sealed,
  });
});

test('an event of a version that is not known yet is refused by name', () => {
  const view = read(written(third, { degrees: 30, unit: 'celsius' }), first);
  expect(view.type).toBe('HeatMeasured');
  const unknown = expect.objectContaining({ code: 'event.unknown-version', message: expect.stringContaining('at 7') });
  expect(() => view.data).toThrow(unknown);
  expect(() => view.version).toThrow(unknown);
});

test('a definition without a step from each version before it is a defect', () => {
  expect(() => defineEvent({ ...third, upcasts: second.upcasts })).toThrow('HeatMeasured has an upcast from version 2');
});
