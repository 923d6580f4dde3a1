import type { Answered } from '../../integration/server-fixture.ts';
import type { Operation } from '../clients/operation.ts';

/** An event as `/v1/events` has it, with its place in the log as a number. */
export type LoggedEvent = {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  readonly offset: number;
  readonly at: string;
  readonly recordedAt: string;
  readonly actor: string;
  readonly data: Answered;
};

/** What was asked and answered, and what the log has in the end. */
export type Evidence = {
  readonly history: readonly Operation[];
  readonly log: readonly LoggedEvent[];
  /** Up to here the log is what the run was prepared with. */
  readonly groundTo: number;
};

/** The place that a position of one epoch names. */
export function offsetOf(position: string): number {
  const offset = Number(position);
  if (!Number.isInteger(offset)) throw new Error(`"${position}" is not a place in one order`);
  return offset;
}

/** What an event does that a client asked for, as its step names it; `null` for what follows by itself. */
export function effectOf({ type, data }: LoggedEvent): string | null {
  switch (type) {
    case 'AccountOpened':
      return `open ${data.account}`;
    case 'CreditsDebited':
      return `debit ${data.reference}`;
    case 'CreditsGranted':
      return `grant ${data.grant}`;
    case 'HoldPlaced':
      return `hold ${data.hold}`;
    case 'HoldSettled':
      return `settle ${data.hold}`;
    case 'HoldVoided':
      return `void ${data.hold}`;
    case 'PixelPlaced':
      return `pixel ${data.board} ${data.x},${data.y}`;
    case 'PhotoAdded':
      return `upload ${data.sha256}`;
    case 'PhotoEdited':
      return data.title;
    default:
      return null;
  }
}
