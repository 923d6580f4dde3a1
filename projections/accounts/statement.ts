import type { RecordedEvent } from '#events/event.ts';
import type { FoldContext } from '#history/projection.ts';
import { timeText } from '#projections/folds.ts';

/** The collection of all accounts' entries: keys are the account and the event's offset, so they sort by both. */
export const ENTRIES = 'entries';

/** What moved credits. `lapse` is a hold that expired; `expire` a grant. */
export const KINDS = ['grant', 'debit', 'hold', 'settle', 'void', 'lapse', 'expire'] as const;

/** 2^53 - 1 has as many. */
const OFFSET_DIGITS = 16;

export type Entry = {
  readonly amount: number;
  readonly at: string;
  readonly kind: (typeof KINDS)[number];
  /** The event's offset; queries print it as a position. */
  readonly offset: number;
  readonly operation: string | null;
  /** What a debit was given as its reference; else the hold's or the grant's id. */
  readonly reference: string | null;
};

type Moved = Pick<Entry, 'kind' | 'amount' | 'reference'> & { readonly operation?: string };

export function addEntry(context: FoldContext, account: string, { at, offset }: RecordedEvent, moved: Moved): void {
  const { amount, kind, operation = null, reference } = moved;
  const entry: Entry = { amount, at: timeText(at), kind, offset, operation, reference };
  context.collection(ENTRIES).put(entriesOf(account) + String(offset).padStart(OFFSET_DIGITS, '0'), entry);
}

/** What the keys of an account's entries begin with. */
export function entriesOf(account: string): string {
  return `${account}/`;
}
