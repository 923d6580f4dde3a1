/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export type EventData = { readonly [name: string]: Json };

/** Marks the write that an `Idempotency-Key` named: 16-byte hashes as 32 lower-case hex digits. */
export type KeyMark = {
  /** Hash of (caller, key). */
  readonly key: string;
  /** Hash of the command's type and data. */
  readonly body: string;
};

/** An event on its way into the log; the log adds revision, offset and `recordedAt`. */
export type NewEvent = {
  /** 32 lower-case hex digits; see `eventId`. */
  readonly id: string;
  /** Past tense, 1-63 ASCII characters: `PixelPlaced`. */
  readonly type: string;
  /** Version of the type's schema, 1-65,535. */
  readonly version: number;
  /** When the command was accepted, ms since 1970: the only time that deciders and projections see. */
  readonly at: number;
  /** Who caused it: `admin`, `account:<id>`, `system`; at most 127 bytes. */
  readonly actor: string;
  /** Id of the event that a reactor answered with this one. */
  readonly causation: string | null;
  readonly keyMark: KeyMark | null;
  /** As it stands in the log: personal fields are sealed. */
  readonly data: EventData;
};

/** An event of the log. */
export type RecordedEvent = NewEvent & {
  /** 1-255 bytes of UTF-8. */
  readonly stream: string;
  /** Its number within the stream, from 0. */
  readonly revision: number;
  readonly partition: number;
  /** Its place in the partition, from 1: position N is the state after the event with offset N. */
  readonly offset: number;
  /** When the log took it, ms since 1970; never less than the event before has. */
  readonly recordedAt: number;
};
