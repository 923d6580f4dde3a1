import type { RecordedEvent } from '#events/event.ts';
import { formatPosition, type Position, parsePosition, reaches } from '#events/position.ts';
import type { EventJson } from '#http/event-json.ts';
import type { EventLog } from '#log/event-log.ts';
import { isStrataError } from '../errors.ts';
import { PixelBatch } from './board-frame.ts';
import { gatherPixels } from './board-pixels.ts';
import type { LiveFeed } from './feed.ts';
import type { PhotoLibraries } from './photo-libraries.ts';
import { eventMessage } from './protocol.ts';
import { deliveriesOf, type Topic } from './topics.ts';

/** Events of the log looked at to bring a client up to date; with more, it takes a snapshot. */
export const REPLAYED_EVENTS_MAX = 50_000;

export type ReplayParts = {
  readonly log: EventLog;
  readonly feed: LiveFeed;
  readonly eventJson: EventJson;
  readonly libraries: PhotoLibraries;
};

/** Where a replay's messages go. */
export type Listener = {
  readonly topic: Topic;
  /** True once it must end. */
  readonly over: boolean;
  send(message: string | Uint8Array): void;
  /** Resolves when the client has taken most of what was sent; `null` when it has. */
  taken(): Promise<void> | null;
  /** Called at a moment when the listener has been told exactly what the topic's others have. */
  join(): void;
};

/** The position, if what came after it can still be replayed: of this log's epoch, and not too far back. */
export function replayable(token: string, parts: ReplayParts): Position | null {
  let position: Position;
  try {
    position = parsePosition(token);
  } catch (error) {
    if (isStrataError(error, 'position.malformed')) return null;
    throw error;
  }
  const head = parts.log.head();
  if (position.offsets.length !== head.offsets.length || !reaches(head, position)) return null;
  return distance(position, head) <= REPLAYED_EVENTS_MAX ? position : null;
}

/**
 * Sends what came after the position, and joins the live topic without a gap or a duplicate.
 * @returns where it stood when it was slower than the log, so that replaying would never end; else `null`.
 */
export async function replay(listener: Listener, after: Position, parts: ReplayParts): Promise<Position | null> {
  const { log, feed } = parts;
  const { topic } = listener;
  let cursor = after;
  while (!listener.over) {
    const target = feed.through(topic);
    if (reaches(cursor, target)) {
      if (reaches(target, cursor)) {
        listener.join();
        return null;
      }
      // Ahead of what was published: the log's end is on its way.
      await feed.progress();
      continue;
    }
    if (distance(cursor, target) > REPLAYED_EVENTS_MAX) return cursor;
    const lap = new Lap(listener, cursor, parts);
    for await (const event of log.readAll({ after: cursor, to: target })) {
      const learning = parts.libraries.learn([event]);
      if (learning !== null) await learning;
      lap.take(event);
      if (listener.over) return null;
      const full = listener.taken();
      if (full !== null) await full;
    }
    lap.flush(target);
    cursor = target;
  }
  return null;
}

/** One reading of the log, from a cursor to a target. */
class Lap {
  readonly #listener: Listener;
  readonly #parts: ReplayParts;
  readonly #pixels = new PixelBatch();
  #framed: Position;

  constructor(listener: Listener, after: Position, parts: ReplayParts) {
    this.#listener = listener;
    this.#parts = parts;
    this.#framed = after;
  }

  take(event: RecordedEvent): void {
    const { topic } = this.#listener;
    const { eventJson, libraries } = this.#parts;
    if (topic.board !== null) {
      const gathered = gatherPixels(event, (board) => (board === topic.board ? this.#pixels : undefined));
      if (gathered !== null) {
        if (gathered.isFull) this.flush(moved(this.#framed, event.partition, event.offset));
        return;
      }
    }
    for (const { channel, topic: name, open } of deliveriesOf(event, (photo) => libraries.of(photo))) {
      if (channel !== topic.channel) continue;
      this.flush(moved(this.#framed, event.partition, event.offset - 1));
      const json = eventJson.onLog(event, open);
      this.#listener.send(eventMessage(name, eventJson.positionOf(event), json));
    }
  }

  flush(position: Position): void {
    const { topic } = this.#listener;
    if (topic.board === null || this.#pixels.isEmpty) return;
    const frame = this.#pixels.takeFrame(topic.board, formatPosition(this.#framed), formatPosition(position));
    this.#listener.send(frame);
    this.#framed = position;
  }
}

function distance(from: Position, to: Position): number {
  return to.offsets.reduce((sum, offset, at) => sum + Math.max(0, offset - (from.offsets[at] ?? 0)), 0);
}

function moved(position: Position, partition: number, offset: number): Position {
  const offsets = position.offsets.map((before, at) => (at === partition ? offset : before));
  return { epoch: position.epoch, offsets };
}
