import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { LogId } from '#log/event-log.ts';
import { errors } from '../../errors.ts';
import type { EventStoreConnection } from './connection.ts';
import { eventOf, type ServerEvent, streamFrom } from './read-protocol.ts';
import { untilAnswered } from './retrying.ts';
import { json, parsed, uuidOf } from './stored-event.ts';

const DEADLINE_MS = 5000;

const identitySchema = z.object({ id: z.string().regex(/^[0-9a-f]{32}$/), epoch: z.int().min(1) });

export type LogIdentity = { readonly id: LogId; readonly epoch: number };

/** What the stream tells besides: whether an import began and has not ended. */
export type LogStreamEvent = 'LogCreated' | 'ImportBegan' | 'ImportEnded';

/** The log's own stream on the server: its identity is its first event, which only one member can write. */
export class LogStream {
  readonly name: string;
  readonly #connection: EventStoreConnection;
  readonly #timeMs: number;
  #last = -1;
  #isImporting = false;

  constructor(connection: EventStoreConnection, prefix: string, timeMs: number) {
    this.name = `${prefix}log`;
    this.#connection = connection;
    this.#timeMs = timeMs;
  }

  /** True from the beginning of an import until one has ended. */
  get isImporting(): boolean {
    return this.#isImporting;
  }

  /**
   * The log's identity. Where there is no log yet, one is made if `create` says so.
   * @throws engine.misconfigured, engine.unavailable
   */
  async open(create: boolean, identity: LogIdentity | undefined): Promise<LogIdentity> {
    const found = await untilAnswered(this.#timeMs, () => this.#read());
    if (found !== null) return found;
    if (!create) {
      throw errors.error('engine.misconfigured', `there is no log on EventStoreDB: no stream ${this.name}`);
    }
    const made = identity ?? { id: randomBytes(16).toString('hex'), epoch: 1 };
    // Another member may have been first: then its log is the log.
    await this.#append('LogCreated', made, false);
    const created = await untilAnswered(this.#timeMs, () => this.#read());
    if (created === null) throw errors.error('engine.misconfigured', `${this.name} does not keep its events`);
    return created;
  }

  importBegan(): Promise<void> {
    return this.#append('ImportBegan', {}, true);
  }

  importEnded(): Promise<void> {
    return this.#append('ImportEnded', {}, true);
  }

  /** An event of the stream, in its order. */
  take({ type, revision }: ServerEvent): void {
    if (revision <= this.#last) return;
    this.#last = revision;
    if (type === 'ImportBegan') this.#isImporting = true;
    if (type === 'ImportEnded') this.#isImporting = false;
  }

  async #read(): Promise<LogIdentity | null> {
    let identity: LogIdentity | null = null;
    for await (const messages of this.#connection.messages(streamFrom(this.name, 0))) {
      for (const event of messages.map(eventOf)) {
        if (event === null) continue;
        if (event.revision === 0) identity = this.#identityOf(event);
        this.take(event);
      }
    }
    return identity;
  }

  #identityOf({ type, data }: ServerEvent): LogIdentity {
    if (type !== 'LogCreated') throw this.#foreign();
    const { success, data: identity } = identitySchema.safeParse(parsed(data));
    if (!success) throw this.#foreign();
    return identity;
  }

  async #append(type: LogStreamEvent, data: object, mustWin: boolean): Promise<void> {
    const event = { id: uuidOf(randomBytes(16).toString('hex')), type, data: json(data), metadata: json({}) };
    const expected = this.#last === -1 ? 'none' : this.#last;
    const answer = await untilAnswered(this.#timeMs, () =>
      this.#connection.append(this.name, expected, [event], DEADLINE_MS),
    );
    if (answer.ok) {
      if (type !== 'LogCreated') this.#isImporting = type === 'ImportBegan';
      if (type !== 'LogCreated') this.#last = answer.revision;
    } else if (mustWin) {
      throw errors.error('stream.revision-conflict', `another member wrote to ${this.name} at the same time`);
    }
  }

  #foreign() {
    return errors.error('engine.misconfigured', `${this.name} is not a log of Strata's: choose another prefix`);
  }
}
