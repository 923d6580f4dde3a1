import { hash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { RecordedEvent } from '#events/event.ts';
import type { Position } from '#events/position.ts';
import type { Batch, EventLog } from '#log/event-log.ts';
import type { StrataError } from '../errors.ts';
import type { Bus } from './bus.ts';
import type { Reactor, ReactorCommand } from './domain.ts';
import { keyHash } from './idempotency.ts';
import { decodeCursor, encodeCursor } from './log-cursor.ts';

/** How often what is due is looked for. */
const TICK_MS = 250;
/** How long a full or failing disk is left alone. */
const RETRY_MS = 1000;
/** Commands sent at once at most. */
const SENT_AT_ONCE_MAX = 64;
/** What is due and looked at together. */
const LOOKED_AT_MAX = 1024;
/** How long a member leaves to a stream's owner what follows from it, before it sends that itself. */
const LEFT_TO_OWNER_MS = 10_000;
/** The cursor is written at the latest after so many events without a command. */
const EVENTS_A_CURSOR = 50_000;

/** Sorts after every key, which is hex. */
const KEY_AFTER_ALL = 'g';

type DueKey = [dueAt: number, key: string];

type Due = {
  readonly reactor: string;
  readonly key: string;
  readonly causation: string;
  readonly command: ReactorCommand;
  /** The stream of the event that it follows from. */
  readonly stream?: string;
  /** True once it was left to the stream's owner for a while. */
  readonly isOverdue?: boolean;
};

/** What some events bring: what is due after them, and the key hashes of effects that they are. */
type Followed = { readonly due: readonly Due[]; readonly effects: readonly string[] };

export type ReactorsOptions = {
  readonly dir: string;
  readonly log: Pick<EventLog, 'id' | 'epoch' | 'head' | 'isShared' | 'ownerOf' | 'partitionOf' | 'subscribe'>;
  readonly bus: Pick<Bus, 'handle'>;
  readonly reactors: readonly Reactor[];
  readonly clock: () => number;
  /** Told of refusals: a reactor's command that is refused is done with. */
  readonly report: (message: string, fields: { readonly [name: string]: string }) => void;
};

/**
 * Runs the reactors after the log: events come in at least once, and commands are in effect once, because their
 * idempotency key follows from reactor and event. The cursor and what is due later are committed together.
 *
 * Where members share the log each of them remembers what is due. The owner of the event's stream sends it; the others
 * forget it when they see its effect in the log, and send it themselves when that does not come: the owner may be gone, and
 * what has no effect may be sent by all.
 */
export class ReactorRunner {
  readonly #options: ReactorsOptions;
  readonly #root: RootDatabase;
  readonly #cursors: Database<string, string>;
  readonly #due: Database<Due, DueKey>;
  /** Where in `due` what has an effect with this key hash is. */
  readonly #awaited: Database<DueKey, string>;
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
    this.#awaited = root.openDB({ name: 'awaited' });
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
      const effects = log.isShared === true ? effectsOf(reactor, events) : [];
      const offsets = position.offsets.map((offset, at) => (at === partition ? to : offset));
      position = { epoch: position.epoch, offsets };
      unwritten += events.length;
      if (due.length === 0 && effects.length === 0 && unwritten < EVENTS_A_CURSOR) continue;
      await this.#remember(reactor, { due, effects }, position);
      unwritten = 0;
    }
  }

  /** Commits the cursor with what is due. Where the disk takes nothing it waits: events come in again, none is passed over. */
  async #remember(reactor: Reactor, { due, effects }: Followed, position: Position): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#root.transaction(() => {
          for (const item of due) this.#put(item.command.dueAt ?? 0, item);
          for (const effect of effects) this.#forgetEffect(effect);
          this.#cursors.put(reactor.name, encodeCursor(this.#options.log, position));
        });
        return;
      } catch (error) {
        this.#options.report('a reactor cannot keep its cursor', { reactor: reactor.name, error: String(error) });
        await setTimeout(RETRY_MS);
      }
    }
  }

  #cursor(reactor: Reactor): Position {
    // After a restore into another epoch all is looked at again: keys keep the effects single.
    const { position, isOfAnotherLog } = decodeCursor(this.#options.log, this.#cursors.get(reactor.name));
    if (isOfAnotherLog) for (const remembered of [this.#due, this.#awaited]) remembered.clearSync();
    return position;
  }

  #put(dueAt: number, item: Due): void {
    const key: DueKey = [dueAt, item.key];
    this.#due.put(key, item);
    if (this.#options.log.isShared === true) this.#awaited.put(effectOf(item), key);
  }

  #forgetEffect(effect: string): void {
    const key = this.#awaited.get(effect);
    if (key === undefined) return;
    this.#due.remove(key);
    this.#awaited.remove(effect);
  }

  /** Sends some of what is due, unless that is under way. */
  #send(): void {
    if (this.#closed || this.#sending !== null) return;
    const now = this.#options.clock();
    const sent: Promise<unknown>[] = [];
    const left: { readonly key: DueKey; readonly value: Due }[] = [];
    for (const entry of this.#due.getRange({ end: [now, KEY_AFTER_ALL], limit: LOOKED_AT_MAX })) {
      if (!this.#isMine(entry.value)) left.push(entry);
      else if (sent.length < SENT_AT_ONCE_MAX) sent.push(this.#sendOne(entry.key, entry.value));
    }
    if (left.length > 0) sent.push(this.#leave(left, now + LEFT_TO_OWNER_MS));
    if (sent.length === 0) return;
    this.#sending = Promise.all(sent).then(() => {
      this.#sending = null;
    });
  }

  #isMine({ stream, isOverdue = false }: Due): boolean {
    const { log } = this.#options;
    return (
      log.isShared !== true || isOverdue || stream === undefined || log.ownerOf(log.partitionOf(stream)) === 'here'
    );
  }

  /** Leaves to others what is theirs, until a time: by then they have done it, or it is anybody's. */
  async #leave(entries: readonly { readonly key: DueKey; readonly value: Due }[], untilMs: number): Promise<void> {
    try {
      await this.#root.transaction(() => {
        for (const { key, value } of entries) {
          // Its effect may have been seen since.
          if (!this.#due.doesExist(key)) continue;
          this.#due.remove(key);
          this.#put(untilMs, { ...value, isOverdue: true });
        }
      });
    } catch (error) {
      // They are looked at again.
      this.#options.report('what is due cannot be put off', { error: String(error) });
    }
  }

  async #sendOne(key: DueKey, due: Due): Promise<void> {
    const { bus, report } = this.#options;
    const caller = { role: 'system', account: null, actor: actorOf(due.reactor) } as const;
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
      await this.#root.transaction(() => {
        this.#due.remove(key);
        if (this.#options.log.isShared === true) this.#awaited.remove(effectOf(due));
      });
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
    stream: event.stream,
  }));
}

/** What the events of a reactor's command carry as their key. */
function effectOf({ reactor, key }: Pick<Due, 'reactor' | 'key'>): string {
  return keyHash(actorOf(reactor), key);
}

function effectsOf({ name }: Reactor, events: readonly RecordedEvent[]): string[] {
  const actor = actorOf(name);
  return events.flatMap(({ actor: by, keyMark }) => (by === actor && keyMark !== null ? [keyMark.key] : []));
}

function actorOf(reactor: string): string {
  return `reactor:${reactor}`;
}
