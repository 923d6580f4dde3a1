import { z } from 'zod';
import { defineEvent, type EventDefinition } from '#events/definition.ts';
import { createCodec } from '#events/encoding.ts';
import type { EventData, NewEvent } from '#events/event.ts';
import { eventId } from '#events/identity.ts';
import type { Write } from '#log/event-log.ts';

// Events that the log's tests write: one as JSON, one packed.

const noteTaken = defineEvent({ type: 'NoteTaken', schema: z.looseObject({ text: z.string() }) });

const pointMoved: EventDefinition = defineEvent({
  type: 'PointMoved',
  schema: z.strictObject({ x: z.int().min(0).max(255), y: z.int().min(0).max(255) }),
  packing: {
    pack: ({ x, y }) => Uint8Array.of(Number(x), Number(y)),
    unpack: (bytes) => ({ x: bytes[0]!, y: bytes[1]! }),
  },
});

export const sampleDefinitions = [noteTaken, pointMoved];
export const sampleCodec = createCodec(sampleDefinitions);

/** When every sample was accepted, unless it says otherwise. */
export const SAMPLE_AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

let made = 0;

/** A `NoteTaken` with an id of its own. */
export function note(text: string, envelope: Partial<NewEvent> = {}): NewEvent {
  return sample('NoteTaken', { text }, envelope);
}

/** A `PointMoved`, which is packed. */
export function point(x: number, y: number, envelope: Partial<NewEvent> = {}): NewEvent {
  return sample('PointMoved', { x, y }, envelope);
}

/** A write of notes to a stream. */
export function notes(stream: string, texts: readonly string[], expected: Write['expected'] = 'any'): Write {
  return { stream, expected, events: texts.map((text) => note(text)) };
}

/** 16 bytes as 32 hex digits, the same for the same text. */
export function hashOf(text: string): string {
  return eventId('hash', text, 0);
}

function sample(type: string, data: EventData, envelope: Partial<NewEvent>): NewEvent {
  made += 1;
  const id = eventId('sample', `${process.pid}-${made}`, 0);
  return { id, type, version: 1, at: SAMPLE_AT_MS, actor: 'admin', causation: null, keyMark: null, data, ...envelope };
}
