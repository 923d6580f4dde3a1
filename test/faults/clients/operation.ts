import type { Answered } from '../../integration/server-fixture.ts';

export type OperationKind =
  | 'debit'
  | 'hold'
  | 'settle'
  | 'void'
  | 'grant'
  | 'open'
  | 'pixel'
  | 'slow-pixel'
  | 'upload'
  | 'edit'
  | 'read';

/** One request that a client makes, at one instance or, where it has a key, at several until it is answered. */
export type Step = {
  readonly kind: OperationKind;
  /** What it does to the log, the same however often it is sent: at most one event has it. `null` for a read. */
  readonly effect: string | null;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** The account whose key is presented; the admin's for `null`. */
  readonly as: string | null;
  /** The Idempotency-Key. */
  readonly key: string | null;
  /** What it takes from an account's available credits. */
  readonly takes?: { readonly account: string; readonly amount: number };
  /** A read waits until the projections are there. */
  readonly least?: string;
};

/** An event as an answer has it. */
export type AnsweredEvent = {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
  readonly position: string;
  readonly revision: number;
  readonly recordedAt: string;
};

export type Outcome =
  | {
      readonly is: 'accepted';
      readonly position: string;
      readonly stream: string;
      readonly revision: number;
      readonly events: readonly AnsweredEvent[];
    }
  | { readonly is: 'read'; readonly position: string; readonly body: Answered }
  /** Certainly not done. */
  | { readonly is: 'refused'; readonly status: number; readonly code: string }
  /** Done once or not at all. `certain` is false too where it was refused after an answer that was lost. */
  | { readonly is: 'unknown'; readonly why: string };

/** A step as it went; times are of `performance.now()`. */
export type Operation = {
  readonly client: number;
  readonly step: Step;
  readonly instance: string;
  readonly attempts: number;
  readonly invokedMs: number;
  readonly answeredMs: number;
  readonly outcome: Outcome;
};
