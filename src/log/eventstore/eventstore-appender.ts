import type { EmbeddedLog } from '#log/embedded/embedded-log.ts';
import { conflict } from '#log/embedded/enqueuer.ts';
import type { Appended, NotAppended, Write } from '#log/event-log.ts';
import { errors, type StrataError } from '../../errors.ts';
import { EnqueuedWrite, type WriteCheck } from './enqueued-write.ts';
import type { Placing } from './placing.ts';
import { StreamLane } from './stream-lane.ts';

/** Appends under way at once, of as many streams: a server takes 100 calls on a connection. */
const IN_FLIGHT_MAX = 64;
/** Bytes that may wait; beyond it, `server.busy`. */
const ENQUEUED_BYTES_MAX = 64 * 1024 * 1024;

export type AppenderOptions = {
  readonly check: WriteCheck;
  readonly placing: Placing;
  readonly replica: EmbeddedLog;
};

type Placed = { readonly revision: number; readonly stands: boolean };

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
    await Promise.all([...this.#lanes.values()].flatMap(({ writes }) => writes.map(({ settled }) => settled)));
  }

  /** Resolves when no write with this key in this stream, enqueued before, is on its way. */
  async keySettled(stream: string, key: string): Promise<void> {
    const writes = this.#lanes.get(stream)?.writes ?? [];
    const keyed = writes.filter(({ write }) => write.events.some(({ keyMark }) => keyMark?.key === key));
    await Promise.all(keyed.map(({ settled }) => settled));
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
    lane.done((await this.#place(lane.stream, group)).revision);
    for (const { sizeBytes } of group) this.#enqueuedBytes -= sizeBytes;
    if (lane.isEmpty) this.#lanes.delete(lane.stream);
    else this.#ready.push(lane);
    this.#running -= 1;
    this.#runReady();
  }

  /** Settles each write of the group. Tells the stream's revision then, as far as it is known, else -1; and whether all stand. */
  async #place(stream: string, group: readonly EnqueuedWrite[]): Promise<Placed> {
    const placed = await this.#tried(stream, group);
    if (placed.ok) {
      for (const [at, events] of placed.writes.entries()) group[at]!.settle({ ok: true, events });
      return { revision: placed.writes.at(-1)!.at(-1)!.revision, stands: true };
    }
    if ('error' in placed) {
      for (const write of group) write.fail(placed.error);
      return { revision: -1, stands: false };
    }
    const [first] = group;
    if (group.length === 1) {
      first!.settle(notAppended(first!.write, placed.current));
      return { revision: placed.current, stands: false };
    }
    // Together they fell: each by itself may stand, but for those that rest on one that fell. The revision that these name
    // may be there by now, made by another member.
    let revision = placed.current;
    let stands = true;
    for (const write of group) {
      const { expected } = write.write;
      const isNext = (expected === 'none' ? -1 : expected) === revision || isKeyed(write);
      if (expected !== 'any' && !(stands && isNext)) {
        write.settle(notAppended(write.write, revision));
        stands = false;
        continue;
      }
      const alone = await this.#place(stream, [write]);
      revision = Math.max(revision, alone.revision);
      stands &&= alone.stands;
    }
    return { revision, stands };
  }

  async #tried(stream: string, group: readonly EnqueuedWrite[]) {
    try {
      return await this.#options.placing.place(stream, group);
    } catch (cause) {
      const error: StrataError = errors.error('command.outcome-unknown', 'what became of the write is not known', {
        cause,
      });
      return { ok: false, error } as const;
    }
  }
}

/** Its caller may have sent it before, and then the server knows it by its place and its ids. */
function isKeyed({ write }: EnqueuedWrite): boolean {
  return write.events[0]!.keyMark !== null;
}

function notAppended({ stream, expected }: Write, currentRevision: number): NotAppended {
  return { ok: false, error: conflict(stream, expected, currentRevision), currentRevision };
}
