import type { EmbeddedLog } from '#log/embedded/embedded-log.ts';
import { conflict } from '#log/embedded/enqueuer.ts';
import type { Appended, NotAppended, Write } from '#log/event-log.ts';
import { errors, type StrataError } from '../../errors.ts';
import { EnqueuedWrite, type WriteCheck } from './enqueued-write.ts';
import type { Placing } from './placing.ts';
import { type LaneWrite, StreamLane } from './stream-lane.ts';

/** Appends under way at once, of as many streams: a server takes 100 calls on a connection. */
const IN_FLIGHT_MAX = 64;
/** Bytes that may wait; beyond it, `server.busy`. */
const ENQUEUED_BYTES_MAX = 64 * 1024 * 1024;

export type AppenderOptions = {
  readonly check: WriteCheck;
  readonly placing: Placing;
  readonly replica: EmbeddedLog;
};

/** Keeps the order of each stream's writes, and appends different streams side by side. */
export class EventStoreAppender {
  readonly #options: AppenderOptions;
  readonly #lanes = new Map<string, StreamLane>();
  /** Lanes that wait for others to end. */
  #ready: StreamLane[] = [];
  #running = 0;
  #enqueuedBytes = 0;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  enqueue(write: Write): Promise<Appended | NotAppended> {
    const { check } = this.#options;
    const error = check.error(write);
    if (error !== null) return Promise.resolve({ ok: false, error });
    if (this.#enqueuedBytes >= ENQUEUED_BYTES_MAX) {
      const busy = errors.error('server.busy', 'too much waits to be written', { retryAfterSeconds: 1 });
      return Promise.resolve({ ok: false, error: busy });
    }
    const enqueued = new EnqueuedWrite(write);
    this.#enqueuedBytes += enqueued.sizeBytes;
    this.#laneOf(write.stream).push(enqueued);
    return enqueued.settled;
  }

  /** The revision that the stream will have when all that is enqueued is written. */
  lastRevision(stream: string): number {
    const replicated = this.#options.replica.lastRevision(stream);
    return Math.max(replicated, this.#lanes.get(stream)?.lastRevision ?? -1);
  }

  /** Resolves when all that was enqueued before is settled. */
  async settled(): Promise<void> {
    await Promise.all(
      [...this.#lanes.values()].flatMap(({ writes }) => writes.map(({ enqueued }) => enqueued.settled)),
    );
  }

  /** Resolves when no write with this key in this stream, enqueued before, is on its way. */
  async keySettled(stream: string, key: string): Promise<void> {
    const writes = this.#lanes.get(stream)?.writes ?? [];
    const keyed = writes.filter(({ enqueued }) => enqueued.write.events.some(({ keyMark }) => keyMark?.key === key));
    await Promise.all(keyed.map(({ enqueued }) => enqueued.settled));
  }

  #laneOf(stream: string): StreamLane {
    const known = this.#lanes.get(stream);
    if (known !== undefined) return known;
    const lane = new StreamLane(stream, this.#options.replica.lastRevision(stream));
    this.#lanes.set(stream, lane);
    this.#ready.push(lane);
    // What the caller enqueues in this turn goes together.
    queueMicrotask(() => this.#runReady());
    return lane;
  }

  #runReady(): void {
    while (this.#running < IN_FLIGHT_MAX && this.#ready.length > 0) {
      this.#running += 1;
      void this.#run(this.#ready.shift()!);
    }
  }

  /** One append of the lane; then others have their turn. */
  async #run(lane: StreamLane): Promise<void> {
    const group = lane.take();
    await this.#place(lane, group);
    lane.done();
    for (const { enqueued } of group) this.#enqueuedBytes -= enqueued.sizeBytes;
    if (lane.isEmpty) this.#lanes.delete(lane.stream);
    else this.#ready.push(lane);
    this.#running -= 1;
    this.#runReady();
  }

  /** Settles each write of the group. */
  async #place(lane: StreamLane, group: readonly LaneWrite[]): Promise<void> {
    const [first] = group;
    if (lane.isGroundless(first!)) return this.#placeEach(lane, group);
    const placed = await this.#tried(lane.stream, group);
    if (placed.ok) {
      for (const [at, events] of placed.writes.entries()) group[at]!.enqueued.settle({ ok: true, events });
      lane.saw(placed.writes.at(-1)!.at(-1)!.revision);
    } else if ('error' in placed) {
      for (const write of group) {
        lane.fell(write);
        write.enqueued.fail(placed.error);
      }
    } else {
      lane.saw(placed.current);
      if (group.length === 1) refuse(lane, first!);
      else await this.#placeEach(lane, group);
    }
  }

  /** Together they fell: each by itself may stand. Those are not sent that certainly do not. */
  async #placeEach(lane: StreamLane, group: readonly LaneWrite[]): Promise<void> {
    for (const write of group) {
      const { expected, events } = write.enqueued.write;
      const isNext = expected === 'any' || (expected === 'none' ? -1 : expected) === lane.settledRevision;
      // With a key, its caller may have sent it before, and then the server knows it by its place and ids.
      const mayStand = !lane.isGroundless(write) && (isNext || events[0]!.keyMark !== null);
      if (mayStand) await this.#place(lane, [write]);
      else refuse(lane, write);
    }
  }

  async #tried(stream: string, group: readonly LaneWrite[]) {
    try {
      const writes = group.map(({ enqueued }) => enqueued);
      return await this.#options.placing.place(stream, writes);
    } catch (cause) {
      const error: StrataError = errors.error('command.outcome-unknown', 'what became of the write is not known', {
        cause,
      });
      return { ok: false, error } as const;
    }
  }
}

function refuse(lane: StreamLane, write: LaneWrite): void {
  const { stream, expected } = write.enqueued.write;
  lane.fell(write);
  const currentRevision = lane.settledRevision;
  write.enqueued.settle({ ok: false, error: conflict(stream, expected, currentRevision), currentRevision });
}
