import { type Position, parsePosition } from '#events/position.ts';
import type { Projections } from '#history/db.ts';
import type { EventLog } from '#log/event-log.ts';
import { errors } from '../errors.ts';

/** How long a read waits for a projection. */
const WAIT_MS_MAX = 5_000;
const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const DURATION_BACK = /^-P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

const SECONDS_OF_UNITS = [7 * 86_400, 86_400, 3_600, 60, 1] as const;

/** The offset that `asOf` names, and whether it names it for ever: a position does, a time may still grow. */
export type AsOf = { readonly offset: number; readonly exact: boolean };

/**
 * Finds what `asOf` means: a position, an RFC 3339 time, or an ISO 8601 duration back from now (`-PT10M`). A time in the
 * future means now.
 *
 * @throws position.malformed, position.other-epoch, history.future-position
 */
export async function resolveAsOf(text: string, log: EventLog, nowMs: number): Promise<AsOf> {
  if (!RFC3339.test(text) && !text.startsWith('-P')) {
    return { offset: offsetOf(text, log, 'history.future-position'), exact: true };
  }
  const timeMs = text.startsWith('-P') ? nowMs - durationMs(text) : Date.parse(text);
  if (!Number.isFinite(timeMs)) throw malformed(text);
  const head = log.head();
  const position = timeMs >= nowMs ? head : await log.positionAt(new Date(timeMs));
  return { offset: onlyOffset(position, text), exact: false };
}

/**
 * Waits until the projections have folded the position of `Strata-Min-Position`.
 * @throws position.malformed, position.other-epoch, history.not-yet after 5 s
 */
export async function waitForPosition(token: string, log: EventLog, projections: Projections): Promise<void> {
  await projections.waitFor(offsetOf(token, log, null), WAIT_MS_MAX);
}

/** @throws history.not-yet after 5 s */
export function waitForOffset(offset: number, projections: Projections): Promise<void> | null {
  return projections.checkpoint() >= offset ? null : projections.waitFor(offset, WAIT_MS_MAX);
}

function offsetOf(token: string, log: EventLog, pastTheEnd: 'history.future-position' | null): number {
  const position = parsePosition(token);
  if (position.epoch !== log.epoch) {
    throw errors.error(
      'position.other-epoch',
      `"${token}" is from epoch ${position.epoch}; the log is in ${log.epoch}`,
    );
  }
  const offset = onlyOffset(position, token);
  const head = onlyOffset(log.head(), token);
  if (pastTheEnd !== null && offset > head) {
    throw errors.error(pastTheEnd, `the log ends at ${head}, before ${offset}`);
  }
  return offset;
}

function onlyOffset(position: Position, token: string): number {
  if (position.offsets.length !== 1) throw malformed(token);
  return position.offsets[0]!;
}

function durationMs(text: string): number {
  const match = DURATION_BACK.exec(text);
  if (match === null) throw malformed(text);
  return SECONDS_OF_UNITS.reduce((sum, seconds, at) => sum + Number(match[at + 1] ?? 0) * seconds * 1000, 0);
}

function malformed(text: string) {
  return errors.error(
    'position.malformed',
    `"${text.slice(0, 80)}" is neither a position of this log, nor an RFC 3339 time, nor a duration back like -PT10M`,
  );
}
