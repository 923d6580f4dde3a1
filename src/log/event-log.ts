import type { StrataError } from '../errors.ts';
import type { NewEvent, RecordedEvent } from '../events/event.ts';
import type { Position } from '../events/position.ts';

/** 16 random bytes as 32 hex digits, made when the log is. */
export type LogId = string;

/** The events that one command adds to one stream; it stands or falls whole. At most 256 KiB and 1,000 events. */
export type Write = {
  readonly stream: string;
  /** The stream's last revision before this write, `none` for a stream that must not exist, or `any`. */
  readonly expected: number | 'none' | 'any';
  readonly events: readonly NewEvent[];
};

/** A write as an engine has it, with ids, revisions and times; its events were recorded at the same time. Never empty. */
export type RecordedWrite = readonly RecordedEvent[];

export type Appended = {
  readonly ok: true;
  /** The write's events as recorded, in order. Never empty. */
  readonly events: readonly RecordedEvent[];
};

/** `stream.revision-conflict`, with the current revision in the detail and in `currentRevision`; or why the log cannot be written. */
export type NotAppended = { readonly ok: false; readonly error: StrataError; readonly currentRevision?: number };

/** Consecutive events of one partition; `after` < the first offset, `to` = the last. */
export type Batch = {
  readonly partition: number;
  readonly after: number;
  readonly to: number;
  readonly events: readonly RecordedEvent[];
};

/** Revisions `from` to `to`, both included; -1 as `to` is the last. Backwards starts at `to`. */
export type StreamRange = {
  readonly from?: number;
  readonly to?: number;
  readonly limit?: number;
  readonly backwards?: boolean;
};

/** Events after `after` up to and with `to` (the head when the read starts, unless told). Backwards starts at `to`. */
export type LogRange = {
  readonly after?: Position;
  readonly to?: Position;
  readonly limit?: number;
  readonly backwards?: boolean;
};

export type OwnedBy = 'here' | 'moving' | { readonly address: string };

/**
 * The port that every log engine serves: one partition or many, an engine that compares revisions itself or one with
 * owners. `test/conformance/event-log.suite.ts` says the same as tests.
 *
 * Only synced events are ever read, subscribed to or counted by `head`.
 */
export interface EventLog {
  readonly id: LogId;
  /** From 1; a restore begins a new epoch. */
  readonly epoch: number;
  /** True where other members write it too: then a stream or a position may be known elsewhere before it is here. */
  readonly isShared?: boolean;
  partitionOf(stream: string): number;
  ownerOf(partition: number): OwnedBy;

  /**
   * Appends each write, grouped across callers. Order is given when `append` is called: writes of one call in order, and
   * calls in order. Each write stands or fails alone, but for one that names the revision of a write enqueued before it:
   * that falls with the other, whoever makes the revision then. All are settled when what they wrote, or what a conflict rests on,
   * is synced. Never rejects for what happened to a write.
   */
  append(writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]>;

  /** Resolves when all that was enqueued before is synced or has failed. */
  settled(): Promise<void>;

  /** The revision that the stream will have when all that is enqueued is synced; -1 where there is no such stream. */
  lastRevision(stream: string): number;

  /** The events that a write with this key hash added to the stream in the last 7 days, or an empty array. */
  keyed(stream: string, key: string): Promise<readonly RecordedEvent[]>;

  /**
   * Takes over the writes of another log, each with its ids, revisions and times, its events as they were written
   * (`EventView.toWritten`); into an empty log, or going on with the event after the head where an import ended early:
   * until one has ended well, `append` is refused. No write at all ends one that lacked its end only. Resolves with the head
   * after it.
   */
  import(writes: AsyncIterable<RecordedWrite>): Promise<Position>;

  readStream(stream: string, range?: StreamRange): AsyncIterable<RecordedEvent>;
  readAll(range?: LogRange): AsyncIterable<RecordedEvent>;
  /** Batches after the position: catches up, then live, no gap, no duplicate. Ends when the log closes or the caller returns. */
  subscribe(after: Position): AsyncIterable<Batch>;
  /** The last synced position. */
  head(): Position;
  /** The last position whose event was recorded at or before the time. */
  positionAt(time: Date): Promise<Position>;
  /** Why the log takes no writes now, or `null`. */
  fault(): StrataError | null;
  close(): Promise<void>;
}
