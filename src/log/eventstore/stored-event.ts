import { z } from 'zod';
import type { EventData, NewEvent, RecordedEvent } from '#events/event.ts';
import { errors } from '../../errors.ts';
import type { ProposedEvent } from './append-protocol.ts';
import type { ServerEvent } from './read-protocol.ts';

const hash = z.string().regex(/^[0-9a-f]{32}$/);

/** What stands in an event's metadata on the server. `docs/reference/eventstore.md` describes it. */
const storedMetadata = z.object({
  version: z.int().min(1),
  at: z.int().min(0),
  actor: z.string(),
  causation: hash.nullable(),
  key: z.object({ key: hash, body: hash }).nullable(),
  /** Its place among the events of its write, from 0, and how many these are. */
  write: z.tuple([z.int().min(0), z.int().min(1)]),
  /** Of an event that came from another log. */
  recordedAt: z.int().min(0).optional(),
});

export type StoredEvent = {
  /** `recordedAt` is the server's time, `null` for an event that says its own. */
  readonly event: Omit<RecordedEvent, 'partition' | 'offset'>;
  readonly isImported: boolean;
  readonly place: number;
  readonly count: number;
};

/** The events of a write as the server takes them; with `recordedAt`, as those of another log. */
export function proposedEvents(events: readonly NewEvent[], recordedAt?: number): ProposedEvent[] {
  return events.map(({ id, type, version, at, actor, causation, keyMark, data }, index) => {
    const metadata: z.infer<typeof storedMetadata> = {
      version,
      at,
      actor,
      causation,
      key: keyMark,
      write: [index, events.length],
      ...(recordedAt !== undefined && { recordedAt }),
    };
    return { id: uuidOf(id), type, data: json(data), metadata: json(metadata) };
  });
}

/** @throws engine.misconfigured for an event that Strata did not write. */
export function storedEvent(from: ServerEvent, prefix: string): StoredEvent {
  try {
    const metadata = storedMetadata.parse(parsed(from.metadata));
    const { version, at, actor, causation, key, write, recordedAt } = metadata;
    const [place, count] = write;
    const event = {
      id: idOf(from.id),
      type: from.type,
      version,
      at,
      actor,
      causation,
      keyMark: key,
      data: parsed(from.data) as EventData,
      stream: from.stream.slice(prefix.length),
      revision: from.revision,
      recordedAt: recordedAt ?? from.createdMs,
    };
    return { event, isImported: recordedAt !== undefined, place, count };
  } catch (cause) {
    const where = `event ${from.revision} of ${from.stream}`;
    throw errors.error('engine.misconfigured', `${where} is not Strata's: streams with its prefix must be its own`, {
      cause,
    });
  }
}

/** 32 hex digits as the server has ids: with dashes. */
export function uuidOf(id: string): string {
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
}

export function idOf(uuid: string): string {
  return uuid.replaceAll('-', '').toLowerCase();
}

export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function parsed(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
}
