import { formatPosition, type Position } from '#events/position.ts';
import type { EventJson } from '#http/event-json.ts';
import type { App } from '#http/uws.ts';
import type { Batch, EventLog } from '#log/event-log.ts';
import { PixelBatch } from './board-frame.ts';
import { arePixels, gatherPixels } from './board-pixels.ts';
import type { LiveCounts } from './live-counts.ts';
import type { PhotoLibraries } from './photo-libraries.ts';
import { eventMessage } from './protocol.ts';
import { deliveriesOf, type Topic } from './topics.ts';

/** How long a board's pixels are gathered before they go out as one frame. */
export const TICK_MS = 50;

/** A board that somebody watches or is about to. */
type BoardFeed = {
  watchers: number;
  readonly waiting: PixelBatch;
  /** The position that the last frame brought its readers to, or where watching began. */
  framed: Position;
};

/** Takes the log's live end and publishes it, once for all who listen. */
export class LiveFeed {
  readonly #app: App;
  readonly #eventJson: EventJson;
  readonly #libraries: PhotoLibraries;
  readonly #counts: LiveCounts;
  readonly #batches: AsyncIterator<Batch>;
  readonly #boards = new Map<string, BoardFeed>();
  readonly #audience = new Map<string, number>();
  #seen: Position;
  #tick: NodeJS.Timeout | null = null;
  #waiters: (() => void)[] = [];
  #closed = false;

  constructor(
    app: App,
    {
      log,
      eventJson,
      libraries,
      counts,
    }: { log: EventLog; eventJson: EventJson; libraries: PhotoLibraries; counts: LiveCounts },
    failed: (error: unknown) => void,
  ) {
    this.#app = app;
    this.#eventJson = eventJson;
    this.#libraries = libraries;
    this.#counts = counts;
    this.#seen = log.head();
    this.#batches = log.subscribe(this.#seen)[Symbol.asyncIterator]();
    this.#run().catch((error: unknown) => {
      if (!this.#closed) failed(error);
    });
  }

  /** The position up to which all events were taken in. */
  get seen(): Position {
    return this.#seen;
  }

  /** The position up to which a topic's listeners were told everything. */
  through(topic: Topic): Position {
    const board = topic.board === null ? undefined : this.#boards.get(topic.board);
    return board === undefined || board.waiting.isEmpty ? this.#seen : board.framed;
  }

  /** Gathers the board's pixels from now on; `unwatch` must follow. */
  watch(topic: Topic): void {
    if (topic.board === null) return;
    const board = this.#boards.get(topic.board);
    if (board === undefined) {
      this.#boards.set(topic.board, { watchers: 1, waiting: new PixelBatch(), framed: this.#seen });
    } else board.watchers += 1;
  }

  unwatch(topic: Topic): void {
    if (topic.board === null) return;
    const board = this.#boards.get(topic.board)!;
    board.watchers -= 1;
    if (board.watchers === 0) this.#boards.delete(topic.board);
  }

  /** Counts who listens to a channel: what nobody listens to is not written. */
  listen(topic: Topic): void {
    this.#audience.set(topic.channel, (this.#audience.get(topic.channel) ?? 0) + 1);
  }

  unlisten(topic: Topic): void {
    const left = (this.#audience.get(topic.channel) ?? 0) - 1;
    if (left > 0) this.#audience.set(topic.channel, left);
    else this.#audience.delete(topic.channel);
  }

  /** Resolves when more was published. */
  progress(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Publishes nothing more. */
  close(): void {
    this.#closed = true;
    if (this.#tick !== null) clearTimeout(this.#tick);
    this.#wake();
    // Not waited for: a subscription that waits for the next event ends with it, or with the log.
    void this.#batches.return?.();
  }

  async #run(): Promise<void> {
    for (let next = await this.#batches.next(); !next.done && !this.#closed; next = await this.#batches.next()) {
      const learning = this.#audience.size > 0 ? this.#libraries.learn(next.value.events) : null;
      if (learning !== null) await learning;
      this.#take(next.value);
      this.#wake();
    }
  }

  #take({ events, partition, to }: Batch): void {
    const watched = this.#boards.size > 0;
    if (watched || this.#audience.size > 0) {
      const toEvents = this.#audience.has('events');
      for (const event of events) {
        if (watched && gatherPixels(event, this.#batchOf)?.isFull) {
          this.#flush(String(event.data.board), event.offset, partition);
        }
        // Pixels are most of what happens, and go out as frames: only the topic of all events has them as JSON.
        if (arePixels(event) && !toEvents) continue;
        for (const { channel, topic, open } of deliveriesOf(event, (photo) => this.#libraries.of(photo))) {
          if (!this.#audience.has(channel)) continue;
          // What was placed before it goes out before it.
          if (topic.startsWith('boards/')) this.#flush(topic.slice('boards/'.length), event.offset - 1, partition);
          const position = this.#eventJson.positionOf(event);
          this.#counts.events += 1;
          this.#app.publish(channel, eventMessage(topic, position, this.#eventJson.onLog(event, open)));
        }
      }
    }
    this.#seen = moved(this.#seen, partition, to);
    if (watched && this.#tick === null && this.#boards.values().some(({ waiting }) => !waiting.isEmpty)) {
      this.#tick = setTimeout(this.#flushAll, TICK_MS);
    }
  }

  readonly #batchOf = (board: string): PixelBatch | undefined => this.#boards.get(board)?.waiting;

  readonly #flushAll = (): void => {
    this.#tick = null;
    for (const name of this.#boards.keys()) this.#flush(name, null, 0);
    this.#wake();
  };

  /** Sends what waits of a board: up to an offset of the batch at hand, or with all that was seen. */
  #flush(name: string, offset: number | null, partition: number): void {
    const board = this.#boards.get(name);
    if (board === undefined || board.waiting.isEmpty) return;
    const position = offset === null ? this.#seen : moved(this.#seen, partition, offset);
    const frame = board.waiting.takeFrame(name, formatPosition(board.framed), formatPosition(position));
    board.framed = position;
    this.#counts.frames += 1;
    this.#app.publish(`boards/${name}`, frame, true);
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

function moved(position: Position, partition: number, offset: number): Position {
  const offsets = position.offsets.map((before, at) => (at === partition ? offset : before));
  return { epoch: position.epoch, offsets };
}
