import { errors } from '../errors.ts';

/**
 * How far the whole log had come: one offset a partition, and the log's epoch. Offset 0 is the empty log; a position
 * includes the event at its offset.
 */
export type Position = { readonly epoch: number; readonly offsets: readonly number[] };

const FIRST_EPOCH = 1;
const NUMBER = '(?:0|[1-9][0-9]{0,15})';
const TOKEN = new RegExp(`^(?:e([1-9][0-9]{0,8})\\.)?(?:(${NUMBER})|(${NUMBER}:${NUMBER}(?:,${NUMBER}:${NUMBER})*))$`);

/** The position after an event, as a token: its own partition's offset, the others as far as `head` has come. */
export function positionAfter(event: { readonly partition: number; readonly offset: number }, head: Position): string {
  const { epoch, offsets } = head;
  // One partition is the usual case, and this is asked for every answer.
  if (offsets.length === 1) return epoch === FIRST_EPOCH ? String(event.offset) : `e${epoch}.${event.offset}`;
  return formatPosition({ epoch, offsets: offsets.with(event.partition, event.offset) });
}

/** The canonical token: `1042`, `0:12,1:99`, `e2.1042`. The first epoch is not written. */
export function formatPosition(position: Position): string {
  const { epoch, offsets } = position;
  const body = offsets.length === 1 ? String(offsets[0]) : offsets.map((offset, at) => `${at}:${offset}`).join(',');
  return epoch === FIRST_EPOCH ? body : `e${epoch}.${body}`;
}

/**
 * Reads a canonical token.
 * @throws position.malformed when the token is not canonical.
 */
export function parsePosition(token: string): Position {
  const match = TOKEN.exec(token);
  if (match === null) throw errors.error('position.malformed', `"${token.slice(0, 80)}" is not a position`);
  const epoch = match[1] === undefined ? FIRST_EPOCH : Number(match[1]);
  const offsets =
    match[2] !== undefined
      ? [Number(match[2])]
      : match[3]!.split(',').map((pair, at) => {
          const [partition, offset] = pair.split(':').map(Number);
          if (partition !== at) throw errors.error('position.malformed', `"${token.slice(0, 80)}" skips a partition`);
          return offset!;
        });
  const position = { epoch, offsets };
  if (!offsets.every(Number.isSafeInteger) || formatPosition(position) !== token) {
    throw errors.error('position.malformed', `"${token.slice(0, 80)}" is not a canonical position`);
  }
  return position;
}

/** True when every partition of `a` has come at least as far as in `b`. */
export function reaches(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && b.offsets.every((offset, partition) => (a.offsets[partition] ?? 0) >= offset);
}
