import { type Position, parsePosition } from '#events/position.ts';
import type { EventLog } from '#log/event-log.ts';
import { errors } from '../errors.ts';

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
/** The sign of an offset that was not written `%2B` comes out of a query string as a space. */
const LOST_SIGN = / (?=\d{2}:\d{2}$)/;
const DURATION_BACK =
  /^-P(?=.)(?:(\d{1,5})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?$/;
const REF = 'refs/';

/** The offset that `asOf` names, and whether it names it for ever: a position does; a time may still grow, a ref move. */
export type AsOf = { readonly offset: number; readonly exact: boolean };

export type AsOfSources = {
  readonly log: Pick<EventLog, 'epoch' | 'head' | 'positionAt'>;
  /** The offset that a ref names. @throws ref.unknown */
  readonly refOffset: (ref: string) => number;
};

/**
 * Finds what `asOf` means: a position, an RFC 3339 time, an ISO 8601 duration back from now (`-PT10M`, `-P1M`), or a ref
 * (`refs/launch`). A time in the future means now.
 *
 * @throws position.malformed, position.other-epoch, history.future-position, ref.unknown
 */
export async function resolveAsOf(text: string, { log, refOffset }: AsOfSources, nowMs: number): Promise<AsOf> {
  if (text.startsWith(REF)) return { offset: refOffset(text.slice(REF.length)), exact: false };
  const time = text.replace(LOST_SIGN, '+');
  if (!RFC3339.test(time) && !text.startsWith('-P')) return { offset: offsetWithin(text, log), exact: true };
  const timeMs = text.startsWith('-P') ? timeBack(text, nowMs) : timeOf(time);
  if (!Number.isFinite(timeMs)) throw malformed(text);
  const position = timeMs >= nowMs ? log.head() : await log.positionAt(new Date(Math.max(0, timeMs)));
  return { offset: onlyOffset(position, text), exact: false };
}

/** @throws position.malformed, position.other-epoch, history.future-position */
export function offsetWithin(token: string, log: Pick<EventLog, 'epoch' | 'head'>): number {
  const offset = offsetInEpoch(token, log);
  const head = onlyOffset(log.head(), token);
  if (offset > head) throw errors.error('history.future-position', `the log ends at ${head}, before ${offset}`);
  return offset;
}

/** @throws position.malformed, position.other-epoch */
export function offsetInEpoch(token: string, log: Pick<EventLog, 'epoch'>): number {
  const position = readPosition(token);
  if (position.epoch !== log.epoch) {
    throw errors.error(
      'position.other-epoch',
      `"${token}" is from epoch ${position.epoch}; the log is in ${log.epoch}`,
    );
  }
  return onlyOffset(position, token);
}

function readPosition(token: string): Position {
  try {
    return parsePosition(token);
  } catch {
    // It might have been meant as anything that a reading takes.
    throw malformed(token);
  }
}

function onlyOffset(position: Position, token: string): number {
  if (position.offsets.length !== 1) throw malformed(token);
  return position.offsets[0]!;
}

/** Not a number for a time that there is not, as on the 30th of February, which the language takes for one in March. */
function timeOf(time: string): number {
  const [year, month, day] = RFC3339.exec(time)!.slice(1).map(Number);
  const daysOfMonth = new Date(Date.UTC(year!, month!, 0)).getUTCDate();
  return day! > daysOfMonth ? Number.NaN : Date.parse(time.toUpperCase());
}

/** Years and months are those of the calendar in UTC; a day that the month lacks is its last. */
export function timeBack(text: string, nowMs: number): number {
  const match = DURATION_BACK.exec(text);
  if (match === null) throw malformed(text);
  const [years, months, weeks, days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  const backSeconds = (((weeks! * 7 + days!) * 24 + hours!) * 60 + minutes!) * 60 + seconds!;
  return monthsBefore(nowMs, years! * 12 + months!) - backSeconds * 1000;
}

function monthsBefore(timeMs: number, months: number): number {
  if (months === 0) return timeMs;
  const date = new Date(timeMs);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() - months);
  const daysOfMonth = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, daysOfMonth));
  return date.getTime();
}

function malformed(text: string) {
  return errors.error(
    'position.malformed',
    `"${text.slice(0, 80)}" is neither a position of this log, nor an RFC 3339 time, nor a ref like refs/launch, nor a duration back like -PT10M`,
  );
}
