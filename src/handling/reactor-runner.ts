import { hash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { RecordedEvent } from '#events/event.ts';
import { formatPosition, type Position, parsePosition } from '#events/position.ts';
import type { Batch, EventLog } from '#log/event-log.ts';
import type { StrataError } from '../errors.ts';
import type { Bus } from './bus.ts';
import type { Reactor, ReactorCommand } from './domain.ts';

/** How often what is due is looked for. */
const TICK_MS = 250;
/** How long a full or failing disk is left alone. */
const RETRY_MS = 1000;
/** Commands sent at once at most. */
const SENT_AT_ONCE_MAX = 64;
/** The cursor is written at the latest after so many events without a command. */
const EVENTS_A_CURSOR = 50_000;

/** Sorts after every key, which is hex. */
const KEY_AFTER_ALL = 'g';

type Due = {
  readonly reactor: string;
  readonly key: string;
  readonly causation: string;
  readonly command: ReactorCommand;
};

export type ReactorsOptions = {
  readonly dir: string;
  readonly log: EventLog;
  readonly bus: Bus;
  readonly reactors: readonly Reactor[];
  readonly clock: () => number;
  /** Told of refusals: a reactor's command that is refused is done with. */
  readonly report: (message: string, fields: { readonly [name: string]: string }) => void;
};

/**
 * Runs the reactors after the log: events come in at least once, and commands are in effect once, because their
 * idempotency key follows from reactor and event. The cursor and what is due later are committed together.
 */
export class ReactorRunner {
  readonly #options: ReactorsOptions;
  readonly #root: RootDatabase;
  readonly #cursors: Database<string, string>;
  readonly #due: Database<Due, [dueAt: number, key: string]>;
  readonly #timer: NodeJS.Timeout;
  readonly #following: Promise<unknown>;
  #sending: Promise<void> | null = null;
  #closed = false;
  readonly #subscriptions: AsyncIterator<Batch>[] = [];

  private constructor(options: ReactorsOptions, root: RootDatabase) {
    this.#options = options;
    this.#root = root;
    this.#cursors = root.openDB({ name: 'cursors' });
    this.#due = root.openDB({ name: 'due' });
    this.#following = Promise.all(options.reactors.map((reactor) => this.#follow(reactor)));
    this.#timer = setInterval(() => this.#send(), TICK_MS);
  }

  static start(options: ReactorsOptions): ReactorRunner {
    return new ReactorRunner(options, open({ path: options.dir, maxDbs: 4, overlappingSync: true }));
  }

  /** Ends after the batch at hand; what is due stays for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.all(this.#subscriptions.map((subscription) => subscription.return?.()));
    await this.#following;
    await this.#sending;
    await this.#root.flushed;
    await this.#root.close();
  }

  async #follow(reactor: Reactor): Promise<void> {
    const { log } = this.#options;
    let position = this.#cursor(reactor);
    let unwritten = 0;
    const batches = log.subscribe(position)[Symbol.asyncIterator]();
    this.#subscriptions.push(batches);
    for (let next = await batches.next(); !next.done && !this.#closed; next = await batches.next()) {
      const { events, partition, to } = next.value;
      const due = events.flatMap((event) => dueAfter(reactor, event));
      const offsets = position.offsets.map((offset, at) => (at === partition ? to : offset));
      position = { epoch: position.epoch, offsets };
      unwritten += events.length;
      if (due.length === 0 && unwritten < EVENTS_A_CURSOR) continue;
      await this.#remember(reactor, due, position);
      unwritten = 0;
    }
  }

  /** Commits the cursor with what is due. Where the disk takes nothing it waits: events come in again, none is passed over. */
  async #remember(reactor: Reactor, due: readonly Due[], position: Position): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#root.transaction(() => {
          for (const item of due) this.#due.put([item.command.dueAt ?? 0, item.key], item);
          this.#cursors.put(reactor.name, formatPosition(position));
        });
        return;
      } catch (error) {
        this.#options.report('a reactor cannot keep its cursor', { reactor: reactor.name, error: String(error) });
        await setTimeout(RETRY_MS);
      }
    }
  }

  #cursor(reactor: Reactor): Position {
    const { log } = this.#options;
    const start = { epoch: log.epoch, offsets: log.head().offsets.map(() => 0) };
    const token = this.#cursors.get(reactor.name);
    const cursor = token === undefined ? start : parsePosition(token);
    // After a restore into another epoch all is looked at again: keys keep the effects single.
    return cursor.epoch === log.epoch ? cursor : start;
  }

  /** Sends some of what is due, unless that is under way. */
  #send(): void {
    if (this.#closed || this.#sending !== null) return;
    const due = [...this.#due.getRange({ end: [this.#options.clock(), KEY_AFTER_ALL], limit: SENT_AT_ONCE_MAX })];
    if (due.length === 0) return;
    this.#sending = Promise.all(due.map(({ key, value }) => this.#sendOne(key, value))).then(() => {
      this.#sending = null;
    });
  }

  async #sendOne(key: [number, string], due: Due): Promise<void> {
    const { bus, report } = this.#options;
    const caller = { role: 'system', account: null, actor: `reactor:${due.reactor}` } as const;
    const { type, data } = due.command;
    const refusal = await bus
      .handle({ type, data, caller, idempotencyKey: due.key, expected: null, causation: due.causation })
      .then(
        () => null,
        (error: StrataError) => error,
      );
    if (refusal !== null && refusal.status >= 500) return; // stays due: it is sent again at a later tick
    if (refusal !== null) report('a reactor was refused', { reactor: due.reactor, command: type, code: refusal.code });
    try {
      await this.#due.remove(key);
    } catch (error) {
      // It is sent again, and its key makes that one effect.
      report('a reactor cannot forget what it sent', { reactor: due.reactor, error: String(error) });
    }
  }
}

function dueAfter(reactor: Reactor, event: RecordedEvent): Due[] {
  return reactor.react(event).map((command, index) => ({
    reactor: reactor.name,
    key: hash('sha256', `${reactor.name}\n${event.id}\n${index}`, 'hex').slice(0, 32),
    causation: event.id,
    command,
  }));
}
