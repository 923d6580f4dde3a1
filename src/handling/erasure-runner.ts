import { setTimeout } from 'node:timers/promises';
import { open, type RootDatabase } from 'lmdb';
import type { RecordedEvent } from '#events/event.ts';
import type { Position } from '#events/position.ts';
import type { SubjectKeys } from '#events/sealing.ts';
import type { Projections } from '#history/db.ts';
import type { Batch, EventLog } from '#log/event-log.ts';
import type { Bus } from './bus.ts';
import type { Catalogue } from './catalogue.ts';
import type { Domain, ErasedWith, Principal } from './domain.ts';
import { decodeCursor, encodeCursor } from './log-cursor.ts';

/** How long what fails is left alone. */
const RETRY_MS = 1000;
/** How often a member looks whether the owner is done. */
const LOOK_MS = 100;
/** How long projections may take to follow the log. */
const WAIT_MS_MAX = 5_000;
/** How long a member leaves it to the owner of the erased stream to erase what belonged to it. */
const LEFT_TO_OWNER_MS = 10_000;
/** Keys destroyed at once at most. */
const KEYS_AT_ONCE_MAX = 32;
/** The cursor is written at the latest after so many events without an erasure. */
const EVENTS_A_CURSOR = 50_000;

const CURSOR = 'cursor';
const CALLER: Principal = { role: 'system', account: null, actor: 'reactor:erasure' };

export type ErasuresOptions = {
  /** A folder of its own, for the cursor. */
  readonly dir: string;
  readonly log: Pick<EventLog, 'id' | 'epoch' | 'head' | 'isShared' | 'ownerOf' | 'partitionOf' | 'subscribe'>;
  readonly catalogue: Catalogue;
  readonly domains: readonly Domain[];
  readonly keys: SubjectKeys;
  readonly bus: Bus;
  readonly projections: Projections;
  /** Deletes these blobs unless something still names them. */
  readonly collectBlobs: (sha256s: readonly string[]) => void;
  readonly report: (message: string, fields: { readonly [name: string]: string }) => void;
};

/**
 * Does what follows from events that erase a subject, after their sync: destroys the subject's key, erases what belonged to
 * it by commands, and has blobs collected that lost their last reference. Every step is safe to repeat, and the cursor moves
 * when all of them are done: what a crash cuts short is done again. Folds destroy documents by themselves.
 *
 * Where members share the log each of them does this, because each has copies of keys. Commands are the owner's to send;
 * the others wait until nothing is left, and send them when that takes too long.
 */
export class ErasureRunner {
  readonly #options: ErasuresOptions;
  readonly #root: RootDatabase<string, string>;
  readonly #batches: AsyncIterator<Batch>;
  readonly #following: Promise<void>;
  #position: Position;
  #isClosed = false;

  private constructor(options: ErasuresOptions, root: RootDatabase<string, string>) {
    this.#options = options;
    this.#root = root;
    this.#position = this.#cursor();
    this.#batches = options.log.subscribe(this.#position)[Symbol.asyncIterator]();
    this.#following = this.#follow();
  }

  static start(options: ErasuresOptions): ErasureRunner {
    return new ErasureRunner(options, open({ path: options.dir, overlappingSync: true }));
  }

  /** Ends after the step at hand; the rest is for the next start. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#batches.return?.();
    await this.#following;
    await this.#root.flushed;
    await this.#root.close();
  }

  async #follow(): Promise<void> {
    let unwritten = 0;
    for (let next = await this.#batches.next(); !next.done; next = await this.#batches.next()) {
      const { events, partition, to } = next.value;
      const erasures = events.filter((event) => this.#subjectOf(event) !== null);
      if (!(await this.#untilDone(() => this.#eraseAll(erasures)))) return;
      this.#position = { epoch: this.#position.epoch, offsets: this.#position.offsets.with(partition, to) };
      unwritten += events.length;
      if (erasures.length === 0 && unwritten < EVENTS_A_CURSOR) continue;
      await this.#untilDone(() => this.#root.put(CURSOR, encodeCursor(this.#options.log, this.#position)));
      unwritten = 0;
    }
  }

  /** False when it was closed before the end. */
  async #eraseAll(erasures: readonly RecordedEvent[]): Promise<boolean> {
    const subjects = erasures.map((event) => this.#subjectOf(event)!);
    for (let at = 0; at < subjects.length; at += KEYS_AT_ONCE_MAX) {
      const some = subjects.slice(at, at + KEYS_AT_ONCE_MAX);
      await Promise.all(some.map((subject) => this.#options.keys.destroy(subject)));
    }
    for (const event of erasures) if (!(await this.#eraseWith(event))) return false;
    const { domains, collectBlobs } = this.#options;
    const released = erasures.flatMap((event) => domains.flatMap(({ blobs }) => blobs?.releasedBy?.(event) ?? []));
    if (released.length > 0) collectBlobs(released);
    return true;
  }

  /** Erases what belonged to what the event erased, until there is none. False when it was closed before. */
  async #eraseWith(event: RecordedEvent): Promise<boolean> {
    const { domains, log, projections } = this.#options;
    const erasedWith = domains.map((domain) => domain.erasedWith).filter((each) => each !== undefined);
    const sinceMs = performance.now();
    for (let { offset } = event; !this.#isClosed; offset = log.head().offsets[event.partition]!) {
      await projections.waitFor(offset, WAIT_MS_MAX);
      const db = projections.db();
      const commands = erasedWith.flatMap((left) => left(event, db));
      if (commands.length === 0) return true;
      if (!this.#isMine(event) && performance.now() - sinceMs < LEFT_TO_OWNER_MS) {
        await setTimeout(LOOK_MS);
        continue;
      }
      await Promise.all(commands.map((command) => this.#send(command, event)));
    }
    return false;
  }

  #isMine({ stream }: RecordedEvent): boolean {
    const { log } = this.#options;
    return log.isShared !== true || log.ownerOf(log.partitionOf(stream)) === 'here';
  }

  /** Without an idempotency key: what is erased already is not asked for again. */
  async #send({ type, data }: ErasedWith, { id: causation }: RecordedEvent): Promise<void> {
    await this.#options.bus.handle({ type, data, caller: CALLER, idempotencyKey: null, expected: null, causation });
  }

  /** What fails is tried again. False when it was closed before it was done. */
  async #untilDone(step: () => Promise<boolean>): Promise<boolean> {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        this.#options.report('an erasure is not finished, and is tried again', { error: String(error) });
        if (this.#isClosed) return false;
        await setTimeout(RETRY_MS);
      }
    }
  }

  #subjectOf({ type, data }: RecordedEvent): string | null {
    return this.#options.catalogue.events.get(type)?.erases?.(data) ?? null;
  }

  #cursor(): Position {
    // After a restore all is looked at again: a key may have come back that was to be destroyed.
    return decodeCursor(this.#options.log, this.#root.get(CURSOR)).position;
  }
}
