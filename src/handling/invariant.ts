import type { RecordedEvent } from '../events/event.ts';

/** Something that holds over the whole log, whatever commands checked when they were carried out: `strata audit` looks. */
export type Invariant = {
  /** As a report names it: `credits conserve`. */
  readonly name: string;
  /** The event types that it follows; others are not shown to it. */
  readonly types: readonly string[];
  /** A fold that begins with the empty log. */
  readonly begin: () => InvariantFold;
};

export type InvariantFold = {
  /** What the event breaks, in words, or `null`. The event is a view that is used again. */
  readonly visit: (event: RecordedEvent) => string | null;
  /** What was looked at, after the last event: `3 accounts`. */
  readonly summary: () => string;
};

/** The blobs that a domain's events rest on. */
export type BlobUse = {
  readonly types: readonly string[];
  readonly begin: () => BlobUseFold;
};

export type BlobUseFold = {
  readonly visit: (event: RecordedEvent) => void;
  /** Those that must be there after the last event. */
  readonly blobs: () => Iterable<NeededBlob>;
};

export type NeededBlob = {
  readonly sha256: string;
  /** What needs it: `the original of photo 1f…`. */
  readonly what: string;
  /** Where the blob names others: those, from its bytes. */
  readonly within?: (bytes: Buffer) => readonly NeededBlob[];
};

/** `1 event`, `2,000,001 events`: counts as a report tells them. */
export function counted(count: number | bigint, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${Number(count) === 1 ? '' : 's'}`;
}

/** What a domain declares for audits. */
export type DomainAudit = { readonly invariants: readonly Invariant[]; readonly blobs?: BlobUse };
