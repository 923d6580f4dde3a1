import type { z } from 'zod';
import { assert } from '../assert.ts';
import type { EventData } from './event.ts';

/** A packed form for a small, frequent event: fewer bytes than JSON, and cheaper to read. */
export type Packing = {
  /** The packed data, or `null` where these values do not fit; then JSON is written. */
  pack(data: EventData, stream: string): Uint8Array | null;
  /** The very data that `pack` was given. `stream` is the event's own. */
  unpack(bytes: Uint8Array, stream: string): EventData;
};

/** Data of one version as the next version has it. Pure. Personal fields are sealed: they can be moved, not read. */
export type Upcast = (data: EventData) => EventData;

/** What an event type is: its schema checks on writing only. */
export type EventDefinition = {
  readonly type: string;
  /** From 1. Events of earlier versions are read as events of this one. */
  readonly version: number;
  readonly schema: z.ZodType;
  /** One step up from each version before this one: version 3 has steps from 1 and from 2. */
  readonly upcasts: { readonly [version: number]: Upcast };
  /** Names of the top-level fields that are sealed with the subject's key before they reach the log. */
  readonly personal: readonly string[];
  /** Whose key seals them. Required with `personal`. */
  readonly subject: ((data: EventData) => string) | null;
  /** The subject that the event erases: once it is on the log, the subject's key is destroyed. `null` for most. */
  readonly erases: ((data: EventData) => string) | null;
  readonly packing: Packing | null;
  /** The packed forms of earlier versions: what they wrote is read, and written again by another engine, as it was. */
  readonly packings: { readonly [version: number]: Packing };
};

/** An event type, of version 1 unless told. */
export function defineEvent(
  definition: Pick<EventDefinition, 'type' | 'schema'> & Partial<EventDefinition>,
): EventDefinition {
  const { version = 1, upcasts = {} } = definition;
  for (let from = 1; from < version; from += 1) {
    assert(upcasts[from] !== undefined, `${definition.type} has an upcast from version ${from}`);
  }
  const defaults = { personal: [], subject: null, erases: null, packing: null, packings: {} };
  return { ...defaults, ...definition, version, upcasts };
}

/** How the version packs its data; `null` where it does not. */
export function packingOf(definition: EventDefinition, version: number): Packing | null {
  return version === definition.version ? definition.packing : (definition.packings[version] ?? null);
}
