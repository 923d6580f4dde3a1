import type { RecordedEvent } from '#events/event.ts';
import type { Position } from '#events/position.ts';
import type { Appended, Batch, EventLog, LogRange, NotAppended, StreamRange, Write } from '#log/event-log.ts';
import { errors } from '#src/errors.ts';

/** A log in plain memory, synced at once: what tests of the layers above run on. */
export class MemoryEventLog implements EventLog {
  readonly id = '0'.repeat(32);
  readonly epoch = 1;
  readonly events: RecordedEvent[] = [];
  readonly #streams = new Map<string, RecordedEvent[]>();
  #waiters: (() => void)[] = [];
  #closed = false;

  partitionOf(): number {
    return 0;
  }

  ownerOf(): 'here' {
    return 'here';
  }

  async append(writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]> {
    const results = writes.map((write) => this.#write(write));
    this.#wake();
    return results;
  }

  async settled(): Promise<void> {}

  lastRevision(stream: string): number {
    return (this.#streams.get(stream)?.length ?? 0) - 1;
  }

  async keyed(stream: string, key: string): Promise<readonly RecordedEvent[]> {
    return (this.#streams.get(stream) ?? []).filter(({ keyMark }) => keyMark?.key === key);
  }

  async import(): Promise<Position> {
    return this.head();
  }

  async *readStream(stream: string, { from = 0, limit = Number.POSITIVE_INFINITY }: StreamRange = {}) {
    const end = Math.min(this.#streams.get(stream)?.length ?? 0, from + limit);
    for (let at = from; at < end; at += 1) yield this.#streams.get(stream)![at]!;
  }

  async *readAll({ after, to = this.head() }: LogRange = {}) {
    for (let at = after?.offsets[0] ?? 0; at < to.offsets[0]!; at += 1) yield this.events[at]!;
  }

  async *subscribe(after: Position): AsyncGenerator<Batch> {
    let offset = after.offsets[0]!;
    while (!this.#closed) {
      if (offset === this.events.length) await new Promise<void>((resolve) => this.#waiters.push(resolve));
      const events = this.events.slice(offset, offset + 1000);
      if (events.length === 0) continue;
      yield { partition: 0, after: offset, to: offset + events.length, events };
      offset += events.length;
    }
  }

  head(): Position {
    return { epoch: 1, offsets: [this.events.length] };
  }

  async positionAt(time: Date): Promise<Position> {
    return { epoch: 1, offsets: [this.events.findLastIndex(({ recordedAt }) => recordedAt <= time.getTime()) + 1] };
  }

  fault(): null {
    return null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
  }

  #write({ stream, expected, events }: Write): Appended | NotAppended {
    const known = this.#streams.get(stream) ?? [];
    const current = known.length - 1;
    if (expected !== 'any' && (expected === 'none' ? -1 : expected) !== current) {
      const error = errors.error('stream.revision-conflict', `${stream} is at revision ${current}`);
      return { ok: false, error, currentRevision: current };
    }
    const recordedAt = Math.max(Date.now(), this.events.at(-1)?.recordedAt ?? 0);
    const recorded = events.map((event, at) => ({
      ...event,
      stream,
      revision: current + 1 + at,
      partition: 0,
      offset: this.events.length + 1 + at,
      recordedAt,
    }));
    known.push(...recorded);
    this.#streams.set(stream, known);
    this.events.push(...recorded);
    return { ok: true, events: recorded };
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
