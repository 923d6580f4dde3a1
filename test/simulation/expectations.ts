import { expect } from 'vitest';
import type { RecordedEvent } from '#events/event.ts';
import type { EventLog, Write } from '#log/event-log.ts';
import { everything, expectWellFormed } from '../conformance/log/results.ts';

/** What callers of a log know about it, over all of its lives. */
export class Expectations {
  /** Ids of the events of each write that was ever handed over, by the id of its first event. */
  readonly #writes = new Map<string, readonly string[]>();
  /** Acknowledged or read: it must stay, unless the log syncs late and the power goes. */
  #known = new Map<number, RecordedEvent>();
  /** Refused, certainly not in the log. */
  readonly #refused = new Set<string>();

  get refused(): number {
    return this.#refused.size;
  }

  handedOver({ events }: Write): void {
    this.#writes.set(
      events[0]!.id,
      events.map(({ id }) => id),
    );
  }

  acknowledged(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      expect(this.#known.get(event.offset)?.id ?? event.id).toBe(event.id);
      this.#known.set(event.offset, event);
    }
  }

  refusedFor({ events }: Write): void {
    for (const { id } of events) this.#refused.add(id);
  }

  /** Of what a log that syncs late loses with the power, the end only. */
  mayHaveLostAfter(offset: number): void {
    this.#known = new Map([...this.#known].filter(([known]) => known <= offset));
  }

  /** Compares all that the log has with all that is known; what it has is known from then on. */
  async check(log: EventLog): Promise<void> {
    const events = await everything(log);
    expectWellFormed(events);
    expect(log.head().offsets).toEqual([events.length]);
    for (const [offset, event] of this.#known) expect(events[offset - 1]).toEqual(event);
    for (let at = 0; at < events.length; ) {
      const { id } = events[at]!;
      const write = this.#writes.get(id) ?? [];
      expect(events.slice(at, at + write.length).map((event) => event.id)).toEqual(write);
      expect(this.#refused.has(id)).toBe(false);
      expect(write.length).toBeGreaterThan(0);
      at += write.length;
    }
    this.acknowledged(events);
    await checkStreams(log, events);
  }
}

/** The stream index says the same as the log. */
async function checkStreams(log: EventLog, events: readonly RecordedEvent[]): Promise<void> {
  for (const [stream, own] of Map.groupBy(events, (event) => event.stream)) {
    expect(log.lastRevision(stream)).toBe(own.length - 1);
    expect(await Array.fromAsync(log.readStream(stream))).toEqual(own);
  }
}
