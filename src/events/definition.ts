import type { z } from 'zod';
import type { EventData } from './event.ts';

/** A packed form for a small, frequent event: fewer bytes than JSON, and cheaper to read. */
export type Packing = {
  /** The packed data, or `null` where these values do not fit; then JSON is written. */
  pack(data: EventData, stream: string): Uint8Array | null;
  /** The very data that `pack` was given. `stream` is the event's own. */
  unpack(bytes: Uint8Array, stream: string): EventData;
};

/** What an event type is: its schema checks on writing only. */
export type EventDefinition = {
  readonly type: string;
  readonly version: number;
  readonly schema: z.ZodType;
  /** Names of the top-level fields that are sealed with the subject's key before they reach the log. */
  readonly personal: readonly string[];
  /** Whose key seals them. Required with `personal`. */
  readonly subject: ((data: EventData) => string) | null;
  readonly packing: Packing | null;
};

export function defineEvent(
  definition: Pick<EventDefinition, 'type' | 'schema'> & Partial<EventDefinition>,
): EventDefinition {
  return { version: 1, personal: [], subject: null, packing: null, ...definition };
}
