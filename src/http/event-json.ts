import type { EventData, RecordedEvent } from '#events/event.ts';
import { positionAfter } from '#events/position.ts';
import { openFields, type SubjectKeys } from '#events/sealing.ts';
import type { Domain } from '#handling/domain.ts';
import type { EventLog } from '#log/event-log.ts';

/** Writes events as JSON text, in the shapes that the API shows. */
export class EventJson {
  readonly #log: EventLog;
  readonly #keys: SubjectKeys;
  readonly #personal: ReadonlySet<string>;
  #lastMs = -1;
  #lastTime = '';

  constructor(log: EventLog, keys: SubjectKeys, domains: readonly Domain[]) {
    this.#log = log;
    this.#keys = keys;
    this.#personal = new Set(
      domains.flatMap(({ events }) => events.filter(({ personal }) => personal.length > 0).map(({ type }) => type)),
    );
  }

  /** As an answer to its command has it. Personal fields are open: only who may see them may send the command. */
  inAnswer(event: RecordedEvent, position: string): string {
    return (
      `{"id":"${event.id}","type":"${event.type}","data":${JSON.stringify(this.#opened(event))},` +
      `"position":"${position}","revision":${event.revision},"recordedAt":"${this.#time(event.recordedAt)}"}`
    );
  }

  /** As the log's routes and live topics have it; sealed fields are opened, or left out as `null`. */
  onLog(event: RecordedEvent, open: boolean): string {
    return JSON.stringify({
      id: event.id,
      type: event.type,
      version: event.version,
      stream: event.stream,
      revision: event.revision,
      position: this.positionOf(event),
      at: new Date(event.at).toISOString(),
      recordedAt: this.#time(event.recordedAt),
      actor: event.actor,
      causation: event.causation,
      data: open ? this.#opened(event) : openFields(event.data, () => null),
    });
  }

  /** The position after the event: its own partition's offset, the others as far as the log has come. */
  positionOf(event: RecordedEvent): string {
    return positionAfter(event, this.#log.head());
  }

  #opened(event: RecordedEvent): EventData {
    if (!this.#personal.has(event.type)) return event.data;
    // An object is opened into an object.
    return openFields(event.data, (subject) => this.#keys.get(subject)) as EventData;
  }

  /** Many events share a millisecond. */
  #time(ms: number): string {
    if (ms !== this.#lastMs) {
      this.#lastMs = ms;
      this.#lastTime = new Date(ms).toISOString();
    }
    return this.#lastTime;
  }
}
